//! A key set of WebCrypto (Web Cryptography API, with the algorithms of "Secure Curves"): Ed25519, X25519 and AES-256-GCM, none of them extractable.

use avatar_proto::{AbiStatus, OpErrorCode};
use js_sys::{Array, ArrayBuffer, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::KeysError;
use crate::engine::{fill_random, global_property, set};
use crate::error::{describe, name_of};

const NONCE_BYTES: u32 = 12;

/// So often a key pair is asked for: WebKitGTK fails to make one Ed25519 or X25519 key in a hundred (measured: 14 of 1,800, and 2 of 300), and the next one is another key.
const TRIES: u32 = 6;

#[wasm_bindgen]
extern "C" {
    /// `crypto.subtle`.
    #[derive(Clone)]
    pub type WebCrypto;
    #[wasm_bindgen(method, catch, js_name = generateKey)]
    fn generate_key(
        this: &WebCrypto,
        algorithm: &Object,
        extractable: bool,
        usages: &Array,
    ) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = importKey)]
    fn import_key(
        this: &WebCrypto,
        format: &str,
        bytes: &Uint8Array,
        algorithm: &Object,
        extractable: bool,
        usages: &Array,
    ) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = exportKey)]
    fn export_key(this: &WebCrypto, format: &str, key: &CryptoKey) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn sign(this: &WebCrypto, algorithm: &Object, key: &CryptoKey, message: &Uint8Array) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = deriveBits)]
    fn derive_bits(this: &WebCrypto, algorithm: &Object, key: &CryptoKey, bits: u32) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn encrypt(this: &WebCrypto, algorithm: &Object, key: &CryptoKey, bytes: &Uint8Array) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn decrypt(this: &WebCrypto, algorithm: &Object, key: &CryptoKey, bytes: &Uint8Array) -> Result<Promise, JsValue>;

    /// A key, which may be one that nobody can read.
    #[derive(Clone)]
    #[wasm_bindgen(extends = Object)]
    pub type CryptoKey;
    #[wasm_bindgen(method, getter)]
    fn extractable(this: &CryptoKey) -> bool;
}

impl WebCrypto {
    /// The engine's; `None` where it has none.
    pub fn find() -> Option<Self> {
        let crypto = global_property("crypto").ok().filter(JsValue::is_object)?;
        let subtle = Reflect::get(&crypto, &"subtle".into()).ok()?;
        subtle.is_object().then(|| subtle.unchecked_into())
    }
}

/// One key set. Its private keys never leave the engine.
#[derive(Clone)]
pub struct KeySet {
    sign: Option<KeyPair>,
    agree: Option<KeyPair>,
    wrap: CryptoKey,
}

#[derive(Clone)]
struct KeyPair {
    private: CryptoKey,
    public: Vec<u8>,
}

impl KeySet {
    /// New keys, of the algorithms that the engine has.
    pub async fn generate(crypto: &WebCrypto) -> Result<Self, KeysError> {
        let wrap = algorithm("AES-GCM");
        set(&wrap, "length", &256.into());
        let wrap = finish(crypto.generate_key(&wrap, false, &usages(&["encrypt", "decrypt"]))).await;
        Ok(Self {
            sign: KeyPair::generate(crypto, "Ed25519", &["sign", "verify"]).await?,
            agree: KeyPair::generate(crypto, "X25519", &["deriveBits"]).await?,
            wrap: wrap.map_err(|error| failed(&error))?.unchecked_into(),
        })
    }

    /// The same without keys to agree with.
    pub fn without_agreement(&self) -> Self {
        Self {
            sign: self.sign.clone(),
            agree: None,
            wrap: self.wrap.clone(),
        }
    }

    /// What a structured clone keeps.
    pub fn to_js(&self) -> JsValue {
        let object = Object::new();
        set(&object, "wrap", &self.wrap);
        for (name, pair) in [("sign", &self.sign), ("agree", &self.agree)] {
            if let Some(pair) = pair {
                let keys = Object::new();
                set(&keys, "private", &pair.private);
                set(&keys, "public", &Uint8Array::from(pair.public.as_slice()));
                set(&object, name, &keys);
            }
        }
        object.into()
    }

    /// The key set of a structured clone; `None` if it is none, or not one that nobody can read.
    pub fn from_js(value: &JsValue) -> Option<Self> {
        let pair = |name: &str| -> Option<Option<KeyPair>> {
            let keys = Reflect::get(value, &name.into()).ok()?;
            if keys.is_undefined() {
                return Some(None);
            }
            let public: Uint8Array = Reflect::get(&keys, &"public".into()).ok()?.dyn_into().ok()?;
            Some(Some(KeyPair {
                private: sealed_key(&keys, "private")?,
                public: public.to_vec(),
            }))
        };
        value.is_object().then_some(())?;
        Some(Self {
            sign: pair("sign")?,
            agree: pair("agree")?,
            wrap: sealed_key(value, "wrap")?,
        })
    }

    /// The Ed25519 public key; empty where the engine lacks it.
    pub fn sign_public_key(&self) -> Vec<u8> {
        self.sign.as_ref().map_or_else(Vec::new, |pair| pair.public.clone())
    }

    /// The X25519 public key; empty where the engine lacks it.
    pub fn agree_public_key(&self) -> Vec<u8> {
        self.agree.as_ref().map_or_else(Vec::new, |pair| pair.public.clone())
    }

    /// An Ed25519 signature.
    pub async fn sign(&self, crypto: &WebCrypto, message: &[u8]) -> Result<Vec<u8>, KeysError> {
        let pair = self.sign.as_ref().ok_or_else(|| KeysError::lacks("Ed25519"))?;
        let signature = crypto.sign(&algorithm("Ed25519"), &pair.private, &Uint8Array::from(message));
        let signature = finish(signature).await.map_err(|error| failed(&error))?;
        Ok(bytes_of(signature).to_vec())
    }

    /// The shared secret with the owner of an X25519 public key.
    pub async fn agree(&self, crypto: &WebCrypto, public_key: &[u8]) -> Result<Vec<u8>, KeysError> {
        let pair = self.agree.as_ref().ok_or_else(|| KeysError::lacks("X25519"))?;
        let (theirs, of) = (Uint8Array::from(public_key), algorithm("X25519"));
        let theirs = finish(crypto.import_key("raw", &theirs, &of, false, &Array::new()))
            .await
            .map_err(|_| KeysError::invalid())?;
        set(&of, "public", &theirs);
        // Of a public key of low order the standard says that this fails; not all engines did from the beginning.
        let shared = finish(crypto.derive_bits(&of, &pair.private, 256))
            .await
            .map_err(|_| KeysError::invalid())?;
        let shared = take_secret(&bytes_of(shared));
        if shared.iter().all(|byte| *byte == 0) {
            return Err(KeysError::invalid());
        }
        Ok(shared)
    }

    /// Nonce, ciphertext, tag.
    pub async fn wrap(&self, crypto: &WebCrypto, secret: &[u8], context: &[u8]) -> Result<Vec<u8>, KeysError> {
        let nonce = Uint8Array::new_with_length(NONCE_BYTES);
        fill_random(&nonce).map_err(|error| failed(&error))?;
        let secret = Uint8Array::from(secret);
        let sealed = finish(crypto.encrypt(&aes_gcm(&nonce, context), &self.wrap, &secret)).await;
        secret.fill(0, 0, secret.length());
        let sealed = sealed.map_err(|error| failed(&error))?;
        Ok([nonce.to_vec(), bytes_of(sealed).to_vec()].concat())
    }

    /// The secret that was wrapped.
    pub async fn unwrap(&self, crypto: &WebCrypto, wrapped: &[u8], context: &[u8]) -> Result<Vec<u8>, KeysError> {
        let corrupt = || KeysError::corrupt("not wrapped by this key set with this context");
        let (nonce, sealed) = wrapped.split_at_checked(NONCE_BYTES as usize).ok_or_else(corrupt)?;
        let of = aes_gcm(&Uint8Array::from(nonce), context);
        match finish(crypto.decrypt(&of, &self.wrap, &Uint8Array::from(sealed))).await {
            Ok(secret) => Ok(take_secret(&bytes_of(secret))),
            // What engines say of a tag that does not fit, and of bytes that are too few for one.
            Err(_) => Err(corrupt()),
        }
    }
}

impl KeyPair {
    /// `None` where the engine lacks the algorithm.
    async fn generate(crypto: &WebCrypto, name: &str, uses: &[&str]) -> Result<Option<Self>, KeysError> {
        let mut tries = 0;
        let pair = loop {
            tries += 1;
            match finish(crypto.generate_key(&algorithm(name), false, &usages(uses))).await {
                Ok(pair) => break pair,
                Err(error) if name_of(&error) == "OperationError" && tries == TRIES => return Err(failed(&error)),
                Err(error) if name_of(&error) == "OperationError" => {}
                // NotSupportedError in most engines; older ones take offence at the usages, or at the name.
                Err(_) => return Ok(None),
            }
        };
        let part = |name: &str| Reflect::get(&pair, &name.into()).map(JsValue::unchecked_into::<CryptoKey>);
        let (Ok(private), Ok(public)) = (part("privateKey"), part("publicKey")) else {
            return Ok(None);
        };
        let public = finish(crypto.export_key("raw", &public)).await;
        let public = bytes_of(public.map_err(|error| failed(&error))?).to_vec();
        Ok(Some(Self { private, public }))
    }
}

fn sealed_key(of: &JsValue, name: &str) -> Option<CryptoKey> {
    let key: CryptoKey = Reflect::get(of, &name.into()).ok()?.dyn_into().ok()?;
    (!key.extractable()).then_some(key)
}

fn algorithm(name: &str) -> Object {
    let object = Object::new();
    set(&object, "name", &name.into());
    object
}

fn aes_gcm(nonce: &Uint8Array, context: &[u8]) -> Object {
    let object = algorithm("AES-GCM");
    set(&object, "iv", nonce);
    set(&object, "additionalData", &Uint8Array::from(context));
    object
}

fn usages(names: &[&str]) -> Array {
    names.iter().map(|name| JsValue::from(*name)).collect()
}

/// Waits for what a method gave; some engines throw what others reject with.
async fn finish(promise: Result<Promise, JsValue>) -> Result<JsValue, JsValue> {
    JsFuture::from(promise?).await
}

fn bytes_of(buffer: JsValue) -> Uint8Array {
    Uint8Array::new(buffer.unchecked_ref::<ArrayBuffer>())
}

/// Copies a secret into Rust, and leaves nothing of it behind.
fn take_secret(bytes: &Uint8Array) -> Vec<u8> {
    let copy = bytes.to_vec();
    bytes.fill(0, 0, bytes.length());
    copy
}

fn failed(error: &JsValue) -> KeysError {
    let words = format!("WebCrypto failed ({})", describe(error));
    KeysError::new(AbiStatus::Io, OpErrorCode::Other, words)
}
