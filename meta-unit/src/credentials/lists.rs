//! Status lists of credentials that were issued here (Bitstring Status List). A place in a list is drawn at random, so that its number says nothing of when a credential was issued.

use std::cell::RefCell;
use std::rc::Rc;

use avatar_credentials::json::{Object, Value};
use avatar_credentials::status::{StatusList, status_entry};
use avatar_proto::Durability;
use prost::Message;

use super::CredentialError;
use crate::data::{keys, records};
use crate::platform::{Batch, Platform};
use crate::vault::Sealed;

/// The places of a list: the least that the specification allows, so that one credential hides among many.
const PLACES: usize = 131_072;

/// What the lists' addresses are blinded for.
const DOMAIN: &str = "status-list";

/// The only purpose of these lists.
const REVOCATION: &str = "revocation";

/// Lists that are at hand.
pub struct Lists {
    sealed: Rc<Sealed>,
    loaded: RefCell<Vec<List>>,
}

struct List {
    url: String,
    revoked: StatusList,
    taken: StatusList,
    taken_places: usize,
}

#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(string, tag = "1")]
    url: String,
    #[prost(string, tag = "2")]
    revoked: String,
    #[prost(string, tag = "3")]
    taken: String,
}

/// A credential's place.
pub struct Place {
    /// The list's address.
    pub url: String,
    /// The number in it.
    pub index: usize,
}

impl Place {
    /// The credential's `credentialStatus`.
    pub fn entry(&self) -> Value {
        status_entry(&self.url, self.index, REVOCATION)
    }
}

impl Lists {
    /// None at hand yet.
    pub fn new(sealed: &Rc<Sealed>) -> Self {
        Self {
            sealed: Rc::clone(sealed),
            loaded: RefCell::default(),
        }
    }

    /// Takes a place in the list of this address, which is made if there is none. It is taken for good once [`put`](Self::put) is stored.
    pub async fn take_place(&self, url: &str) -> Result<Place, CredentialError> {
        let is_address = url.starts_with("https://") && url.len() <= 1_000;
        if !is_address {
            return Err(CredentialError::Invalid(
                "a status list has an https address".to_owned(),
            ));
        }
        if self.load(url).await?.is_none() {
            let empty = || StatusList::new(PLACES).map_err(|_| CredentialError::Corrupt);
            self.add(List {
                url: url.to_owned(),
                revoked: empty()?,
                taken: empty()?,
                taken_places: 0,
            });
        }
        let mut loaded = self.loaded.borrow_mut();
        let list = loaded
            .iter_mut()
            .find(|list| list.url == url)
            .ok_or(CredentialError::NotFound)?;
        if list.taken_places >= PLACES / 2 {
            return Err(CredentialError::Limit("the list is full: take another address"));
        }
        loop {
            let mut random = [0; 4];
            self.sealed.random(&mut random);
            // A power of two: each place is as likely.
            let index = u32::from_le_bytes(random) as usize % PLACES;
            if !list.taken.get(index).map_err(|_| CredentialError::Corrupt)? {
                list.taken.set(index, true).map_err(|_| CredentialError::Corrupt)?;
                list.taken_places += 1;
                let url = url.to_owned();
                return Ok(Place { url, index });
            }
        }
    }

    /// Sets the bit of a place.
    pub async fn revoke(&self, url: &str, index: usize) -> Result<(), CredentialError> {
        self.load(url).await?.ok_or(CredentialError::NotFound)?;
        let mut loaded = self.loaded.borrow_mut();
        let list = loaded
            .iter_mut()
            .find(|list| list.url == url)
            .ok_or(CredentialError::NotFound)?;
        list.revoked.set(index, true).map_err(|_| CredentialError::Corrupt)
    }

    /// Puts the list as it is now into a batch.
    pub fn put(&self, batch: &mut Batch, url: &str) -> Result<(), CredentialError> {
        let loaded = self.loaded.borrow();
        let list = loaded
            .iter()
            .find(|list| list.url == url)
            .ok_or(CredentialError::NotFound)?;
        let stored = Stored {
            url: url.to_owned(),
            revoked: list.revoked.encode(),
            taken: list.taken.encode(),
        };
        batch.put(self.key(url)?, &records::seal(&stored.encode_to_vec()));
        Ok(())
    }

    /// The list as a credential, not yet signed.
    pub async fn credential(&self, url: &str, issuer: &str) -> Result<Object, CredentialError> {
        self.load(url).await?.ok_or(CredentialError::NotFound)?;
        let loaded = self.loaded.borrow();
        let list = loaded
            .iter()
            .find(|list| list.url == url)
            .ok_or(CredentialError::NotFound)?;
        Ok(list.revoked.to_credential(url, issuer, REVOCATION))
    }

    /// Whether there is a list of this address. Afterwards it is at hand.
    async fn load(&self, url: &str) -> Result<Option<()>, CredentialError> {
        if self.is_loaded(url) {
            return Ok(Some(()));
        }
        let mut batch = Batch::new(Durability::Relaxed);
        batch.get(self.key(url)?);
        let reply = batch.run(&*self.sealed).await?;
        let Some(record) = reply.value(0) else { return Ok(None) };
        let content = records::open(record).map_err(|_| CredentialError::Corrupt)?;
        let stored = Stored::decode(content).map_err(|_| CredentialError::Corrupt)?;
        let decode = |text: &str| StatusList::decode(text).map_err(|_| CredentialError::Corrupt);
        let taken = decode(&stored.taken)?;
        let taken_places = (0..PLACES).filter(|index| taken.get(*index) == Ok(true)).count();
        self.add(List {
            url: url.to_owned(),
            revoked: decode(&stored.revoked)?,
            taken,
            taken_places,
        });
        Ok(Some(()))
    }

    fn is_loaded(&self, url: &str) -> bool {
        self.loaded.borrow().iter().any(|list| list.url == url)
    }

    /// The list is at hand from now on, unless another request was faster.
    fn add(&self, list: List) {
        if !self.is_loaded(&list.url) {
            self.loaded.borrow_mut().push(list);
        }
    }

    fn key(&self, url: &str) -> Result<Vec<u8>, CredentialError> {
        let key = self.sealed.key().ok_or(CredentialError::Locked)?;
        Ok(keys::status_list(&key.blind(DOMAIN, url.as_bytes())))
    }
}
