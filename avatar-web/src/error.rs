//! Why a host does not start or cannot go on, and its JavaScript face.

use avatar_proto::{AppError, ErrorCode};
use js_sys::Reflect;
use wasm_bindgen::JsValue;

/// The reasons that are final for a host, or for its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostErrorCode {
    /// One that the contract has a code for.
    App(ErrorCode),
    /// The module is no Meta Unit, or one of another ABI.
    WrongModule,
    /// The module's build id is not the one asked for.
    WrongBuild,
    /// The engine, or a Content-Security-Policy, refuses WebAssembly.
    NoWasm,
    /// Instances die faster than it is worth starting new ones.
    CrashLoop,
}

impl HostErrorCode {
    /// The stable name that JavaScript sees: for a code of the contract, its name there without the prefix.
    pub fn name(self) -> &'static str {
        match self {
            Self::App(code) => {
                let name = code.as_str_name();
                name.strip_prefix("ERROR_CODE_").unwrap_or(name)
            }
            Self::WrongModule => "WRONG_MODULE",
            Self::WrongBuild => "WRONG_BUILD",
            Self::NoWasm => "NO_WASM",
            Self::CrashLoop => "CRASH_LOOP",
        }
    }

    /// The nearest code of the contract, for a `HostFailed` frame.
    const fn app_code(self) -> ErrorCode {
        match self {
            Self::App(code) => code,
            Self::WrongModule | Self::WrongBuild | Self::NoWasm => ErrorCode::Unsupported,
            Self::CrashLoop => ErrorCode::Crashed,
        }
    }
}

/// A [`HostErrorCode`] with words for developers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostError {
    /// What it is.
    pub code: HostErrorCode,
    /// What happened, for developers; nothing secret.
    pub message: String,
}

impl HostError {
    /// An error of this code.
    pub fn new(code: HostErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// An error that the contract has a code for.
    pub fn app(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(HostErrorCode::App(code), message)
    }

    /// Whether the same start may succeed later.
    pub fn retryable(&self) -> bool {
        matches!(
            self.code,
            HostErrorCode::App(
                ErrorCode::StorageBlocked
                    | ErrorCode::StorageLost
                    | ErrorCode::StorageIo
                    | ErrorCode::QuotaExceeded
                    | ErrorCode::Closed
            )
        )
    }

    /// The error as the contract says it.
    pub fn to_app_error(&self) -> AppError {
        AppError {
            code: self.code.app_code().into(),
            message: format!("{}: {}", self.code.name(), self.message),
            retryable: self.retryable(),
        }
    }

    /// The error as JavaScript code gets it: an `Error` with `name`, `code` and `retryable`.
    pub fn to_js(&self) -> JsValue {
        let error = js_sys::Error::new(&self.message);
        error.set_name("AvatarHostError");
        // Setting a property of a fresh Error cannot fail: it is an ordinary, extensible object.
        let _ = Reflect::set(&error, &"code".into(), &self.code.name().into());
        let _ = Reflect::set(&error, &"retryable".into(), &self.retryable().into());
        error.into()
    }
}

/// Words for any thrown value: `name: message` of an Error, or the value as text.
pub fn describe(value: &JsValue) -> String {
    let text = |key: &str| {
        Reflect::get(value, &key.into())
            .ok()
            .and_then(|field| field.as_string())
            .filter(|text| !text.is_empty())
    };
    if !value.is_object() {
        return value.as_string().unwrap_or_else(|| "a thrown value".into());
    }
    match (text("name"), text("message")) {
        (Some(name), Some(message)) => format!("{name}: {message}"),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => "an unnamed exception".into(),
    }
}

/// The `name` of a thrown Error or DOMException; empty for anything else.
pub fn name_of(value: &JsValue) -> String {
    if !value.is_object() {
        return String::new();
    }
    Reflect::get(value, &"name".into())
        .ok()
        .and_then(|name| name.as_string())
        .unwrap_or_default()
}

/// An application error of the host's own making.
pub fn app_error(code: ErrorCode, message: impl Into<String>, retryable: bool) -> AppError {
    AppError {
        code: code.into(),
        message: message.into(),
        retryable,
    }
}
