//! WebCrypto's key sets by name: on a shelf, or in memory where there is none or where it does not take keys.

use std::cell::RefCell;
use std::rc::Rc;

use avatar_proto::keys_command::Command;
use avatar_proto::{KeyProtection, KeysCommand, KeysResult};
use wasm_bindgen::JsValue;
use zeroize::Zeroizing;

use super::web_crypto::{KeySet, WebCrypto};
use super::{Added, Keys, KeysError, Shelf};
use crate::storage::LocalBoxFuture;

/// Key sets of the shelf that are known without asking it, at most.
const MAX_KNOWN: usize = 256;

/// See the module's documentation.
pub struct WebKeys {
    inner: Rc<Inner>,
}

struct Inner {
    crypto: WebCrypto,
    shelf: Option<Rc<dyn Shelf>>,
    /// A few: a device has one or two.
    known: RefCell<Vec<Known>>,
}

#[derive(Clone)]
struct Known {
    name: String,
    keys: Rc<KeySet>,
    protection: KeyProtection,
}

impl WebKeys {
    /// Without a shelf, everything stays in memory.
    pub fn new(crypto: WebCrypto, shelf: Option<Rc<dyn Shelf>>) -> Self {
        Self {
            inner: Rc::new(Inner {
                crypto,
                shelf,
                known: RefCell::default(),
            }),
        }
    }
}

impl Keys for WebKeys {
    fn run(&self, command: KeysCommand) -> LocalBoxFuture<Result<KeysResult, KeysError>> {
        let inner = self.inner.clone();
        Box::pin(async move {
            let KeysCommand { name, command } = command;
            match command {
                None => Err(KeysError::invalid()),
                Some(Command::Open(_)) => inner.open(&name).await,
                Some(Command::Erase(_)) => inner.erase(&name).await,
                Some(command) => inner.use_keys(&name, command).await,
            }
        })
    }
}

impl Inner {
    async fn use_keys(&self, name: &str, command: Command) -> Result<KeysResult, KeysError> {
        let keys = self.find(name).await?.ok_or_else(KeysError::not_found)?.keys;
        let data = match command {
            Command::Sign(sign) => keys.sign(&self.crypto, &sign.message).await?,
            Command::Agree(agree) => keys.agree(&self.crypto, &agree.public_key).await?,
            Command::Wrap(wrap) => {
                let secret = Zeroizing::new(wrap.secret);
                keys.wrap(&self.crypto, &secret, &wrap.context).await?
            }
            Command::Unwrap(unwrap) => keys.unwrap(&self.crypto, &unwrap.wrapped, &unwrap.context).await?,
            Command::Open(_) | Command::Erase(_) => Vec::new(),
        };
        Ok(KeysResult {
            data,
            ..KeysResult::default()
        })
    }

    async fn open(&self, name: &str) -> Result<KeysResult, KeysError> {
        if let Some(known) = self.find(name).await? {
            return Ok(opened(&known, false));
        }
        let fresh = KeySet::generate(&self.crypto).await?;
        if let Some(shelf) = &self.shelf
            && let Some(storable) = storable(shelf.as_ref(), &fresh).await?
        {
            return match shelf.add(name, &storable.to_js()).await? {
                Added::There(theirs) => Ok(opened(&self.learn(name, theirs)?, false)),
                Added::New => Ok(opened(&Known::platform(name, storable), true)),
            };
        }
        // Somebody else may have been quicker.
        if let Some(known) = self.known(name) {
            return Ok(opened(&known, false));
        }
        let fresh = Known {
            name: name.to_owned(),
            keys: Rc::new(fresh),
            protection: KeyProtection::Memory,
        };
        self.known.borrow_mut().push(fresh.clone());
        Ok(opened(&fresh, true))
    }

    async fn erase(&self, name: &str) -> Result<KeysResult, KeysError> {
        if let Some(shelf) = &self.shelf {
            shelf.remove(name).await?;
        }
        self.known.borrow_mut().retain(|known| known.name != name);
        Ok(KeysResult::default())
    }

    fn known(&self, name: &str) -> Option<Known> {
        self.known.borrow().iter().find(|known| known.name == name).cloned()
    }

    async fn find(&self, name: &str) -> Result<Option<Known>, KeysError> {
        if let Some(known) = self.known(name) {
            return Ok(Some(known));
        }
        let Some(shelf) = &self.shelf else { return Ok(None) };
        match shelf.get(name).await? {
            Some(stored) => self.learn(name, stored).map(Some),
            None => Ok(None),
        }
    }

    fn learn(&self, name: &str, stored: JsValue) -> Result<Known, KeysError> {
        let keys = KeySet::from_js(&stored).ok_or_else(|| KeysError::corrupt("the key set is damaged"))?;
        let mut known = self.known.borrow_mut();
        if known.len() >= MAX_KNOWN {
            known.retain(|known| known.protection == KeyProtection::Memory);
        }
        let learnt = Known::platform(name, keys);
        known.retain(|known| known.name != name);
        known.push(learnt.clone());
        Ok(learnt)
    }
}

impl Known {
    fn platform(name: &str, keys: KeySet) -> Self {
        Self {
            name: name.to_owned(),
            keys: Rc::new(keys),
            protection: KeyProtection::Platform,
        }
    }
}

/// What of a key set the engine stores. WebKitGTK takes X25519 keys and gives nothing back for them: better keys without these than all of them in memory.
async fn storable(shelf: &dyn Shelf, keys: &KeySet) -> Result<Option<KeySet>, KeysError> {
    for keys in [keys.clone(), keys.without_agreement()] {
        let stored = shelf.trial(&keys.to_js()).await?;
        if stored.as_ref().and_then(KeySet::from_js).is_some() {
            return Ok(Some(keys));
        }
    }
    Ok(None)
}

fn opened(known: &Known, created: bool) -> KeysResult {
    KeysResult {
        protection: known.protection.into(),
        sign_public_key: known.keys.sign_public_key(),
        agree_public_key: known.keys.agree_public_key(),
        data: Vec::new(),
        created,
    }
}
