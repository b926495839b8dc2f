//! The Meta Unit as a file: read, checked, compiled, and kept compiled.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use avatar_proto::ErrorCode;
use sha2::{Digest, Sha256};
use wasmtime::{Config, Engine, Module, OptLevel};

use crate::abi;
use crate::error::{HostError, HostErrorCode};
use crate::hex;

/// No Meta Unit is larger: checked before the file is read.
const MAX_WASM_BYTES: u64 = 256 * 1024 * 1024;

/// How often the clock ticks that ends a call which never returns.
pub const EPOCH_TICK: Duration = Duration::from_millis(20);

/// What the guest's own frames may take of the host's stack.
pub const MAX_WASM_STACK_BYTES: usize = 2 * 1024 * 1024;

/// A compiled module that passed the checks of ABI.md §3. Clones share the code.
#[derive(Clone)]
pub struct MetaUnit {
    engine: Engine,
    module: Module,
    sha256: [u8; 32],
    build_id: String,
}

impl MetaUnit {
    /// Reads, checks and compiles the file. With `cache`, a folder that only this user can write, the compiled code is kept there and found again.
    pub fn load(path: &Path, cache: Option<&Path>) -> Result<Self, HostError> {
        let unreadable = |error: &std::io::Error| {
            HostError::app(ErrorCode::NotFound, format!("cannot read {}: {error}", path.display()))
        };
        let len = fs::metadata(path).map_err(|error| unreadable(&error))?.len();
        if len > MAX_WASM_BYTES {
            return Err(HostError::new(
                HostErrorCode::WrongModule,
                format!("{} has {len} bytes: no Meta Unit is so large", path.display()),
            ));
        }
        Self::from_bytes(&fs::read(path).map_err(|error| unreadable(&error))?, cache)
    }

    /// Checks and compiles the bytes of a module. `cache` as in [`MetaUnit::load`].
    pub fn from_bytes(wasm: &[u8], cache: Option<&Path>) -> Result<Self, HostError> {
        let build_id = abi::check(wasm)?;
        let sha256: [u8; 32] = Sha256::digest(wasm).into();
        let engine = engine()?;
        let module = compile(&engine, wasm, &sha256, cache)?;
        tick(&engine);
        Ok(Self {
            engine,
            module,
            sha256,
            build_id,
        })
    }

    /// The SHA-256 of the file.
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// The build id of the section `avatar:build`, hex.
    pub fn build_id(&self) -> &str {
        &self.build_id
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn module(&self) -> &Module {
        &self.module
    }
}

impl std::fmt::Debug for MetaUnit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetaUnit")
            .field("sha256", &hex::encode(&self.sha256))
            .field("build_id", &self.build_id)
            .finish_non_exhaustive()
    }
}

fn engine() -> Result<Engine, HostError> {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .epoch_interruption(true)
        .max_wasm_stack(MAX_WASM_STACK_BYTES)
        // Replay compares byte for byte: the same bits on every machine.
        .wasm_relaxed_simd(false)
        .cranelift_nan_canonicalization(true);
    Engine::new(&config).map_err(|error| {
        HostError::app(
            ErrorCode::Unsupported,
            format!("this machine cannot run WebAssembly: {error:#}"),
        )
    })
}

fn compile(engine: &Engine, wasm: &[u8], sha256: &[u8; 32], cache: Option<&Path>) -> Result<Module, HostError> {
    let kept = cache.map(|folder| kept_path(engine, sha256, folder));
    if let Some(path) = kept.as_deref().filter(|path| path.exists()) {
        // SAFETY: the file is one that `keep` below wrote into a folder of this user alone, complete when it got its name; its name carries the module's hash and
        // the compiler's settings, and wasmtime checks its own version in the file before it uses anything of it.
        match unsafe { Module::deserialize_file(engine, path) } {
            Ok(module) => return Ok(module),
            Err(error) => tracing::warn!(path = %path.display(), "a kept module does not load: {error:#}"),
        }
    }
    let module = Module::new(engine, wasm)
        .map_err(|error| HostError::new(HostErrorCode::WrongModule, format!("it does not compile: {error:#}")))?;
    if let Some(path) = kept
        && let Err(error) = keep(&module, &path)
    {
        tracing::warn!(path = %path.display(), "the compiled module is not kept: {error}");
    }
    Ok(module)
}

fn kept_path(engine: &Engine, sha256: &[u8; 32], folder: &Path) -> PathBuf {
    let mut settings = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut settings);
    folder.join(format!("{}-{:016x}.cwasm", hex::encode(sha256), settings.finish()))
}

fn keep(module: &Module, path: &Path) -> std::io::Result<()> {
    let code = module.serialize().map_err(std::io::Error::other)?;
    if let Some(folder) = path.parent() {
        crate::folder::create_private(folder)?;
    }
    // Several processes may compile at once: each writes a file of its own, and the last rename wins.
    let unfinished = path.with_extension(format!("{}.part", std::process::id()));
    fs::write(&unfinished, code)?;
    fs::rename(unfinished, path)
}

/// Advances the engine's epoch for as long as anybody uses the engine.
fn tick(engine: &Engine) {
    let weak = engine.weak();
    std::thread::spawn(move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(EPOCH_TICK);
        }
    });
}
