//! Status lists of credentials that were issued here (Bitstring Status List). A place in a list is drawn at random, so that its number says nothing of when a credential was issued.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use avatar_credentials::json::{Object, Value};
use avatar_credentials::status::{StatusList, status_entry};
use prost::Message;
use zeroize::{Zeroize as _, Zeroizing};

use super::CredentialError;
use super::outside::Key;
use crate::data::{keys, records};
use crate::identity::Identity;
use crate::platform::{Batch, Pages, Platform};
use crate::vault::Sealed;

/// The places of a list: the least that the specification allows, so that one credential hides among many.
const PLACES: usize = 131_072;

/// How much is read at once.
const STEP_BYTES: u32 = 4 * 1024 * 1024;

/// The only purpose of these lists.
const REVOCATION: &str = "revocation";

/// Lists that are at hand.
pub struct Lists {
    sealed: Rc<Sealed>,
    identity: Rc<Identity>,
    lists: RefCell<Vec<List>>,
    are_loaded: Cell<bool>,
}

struct List {
    /// Its record's.
    id: [u8; 16],
    url: String,
    revoked: StatusList,
    taken: StatusList,
    taken_places: usize,
    /// What signs it: the key of the identity that made it. Credentials name that identity, and a list is to come from whom they come from, also after a rotation.
    seed: Zeroizing<[u8; 32]>,
}

#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(string, tag = "1")]
    url: String,
    #[prost(string, tag = "2")]
    revoked: String,
    #[prost(string, tag = "3")]
    taken: String,
    #[prost(bytes = "vec", tag = "4")]
    seed: Vec<u8>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.seed.zeroize();
    }
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
    pub fn new(sealed: &Rc<Sealed>, identity: &Rc<Identity>) -> Self {
        Self {
            sealed: Rc::clone(sealed),
            identity: Rc::clone(identity),
            lists: RefCell::default(),
            are_loaded: Cell::new(false),
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
        self.load().await?;
        if !self.is_at_hand(url) {
            let empty = || StatusList::new(PLACES).map_err(|_| CredentialError::Corrupt);
            let mut id = [0; 16];
            self.sealed.random(&mut id);
            self.lists.borrow_mut().push(List {
                id,
                url: url.to_owned(),
                revoked: empty()?,
                taken: empty()?,
                taken_places: 0,
                seed: self.identity.seed(),
            });
        }
        self.with(url, |list| self.take(list))
    }

    fn take(&self, list: &mut List) -> Result<Place, CredentialError> {
        if list.seed != self.identity.seed() {
            return Err(CredentialError::Invalid(
                "a former identity signs the list of this address: take another one".to_owned(),
            ));
        }
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
                let url = list.url.clone();
                return Ok(Place { url, index });
            }
        }
    }

    /// Sets the bit of a place.
    pub async fn revoke(&self, url: &str, index: usize) -> Result<(), CredentialError> {
        self.load().await?;
        self.with(url, |list| {
            list.revoked.set(index, true).map_err(|_| CredentialError::Corrupt)
        })
    }

    /// Puts the list as it is now into a batch.
    pub fn put(&self, batch: &mut Batch, url: &str) -> Result<(), CredentialError> {
        self.with(url, |list| {
            let stored = Stored {
                url: list.url.clone(),
                revoked: list.revoked.encode(),
                taken: list.taken.encode(),
                seed: list.seed.to_vec(),
            };
            let content = Zeroizing::new(stored.encode_to_vec());
            batch.put(keys::status_list(&list.id), &Zeroizing::new(records::seal(&content)));
            Ok(())
        })
    }

    /// The list as a credential, not yet signed, and the key that is to sign it.
    pub async fn credential(&self, url: &str) -> Result<(Object, Key), CredentialError> {
        self.load().await?;
        self.with(url, |list| {
            let key = Key::of_seed(&list.seed);
            Ok((list.revoked.to_credential(url, key.did(), REVOCATION), key))
        })
    }

    /// Afterwards all lists are at hand.
    async fn load(&self) -> Result<(), CredentialError> {
        if self.are_loaded.get() {
            return Ok(());
        }
        let mut stored = Vec::new();
        let mut pages = Pages::new(keys::status_lists(), STEP_BYTES);
        while let Some(page) = pages.next(&*self.sealed).await? {
            for (key, record) in page.entries(0) {
                stored.push(List::read(key, record, &self.identity).ok_or(CredentialError::Corrupt)?);
            }
        }
        // Another request may have been faster, and changed them since.
        if !self.are_loaded.replace(true) {
            self.lists.replace(stored);
        }
        Ok(())
    }

    fn is_at_hand(&self, url: &str) -> bool {
        self.lists.borrow().iter().any(|list| list.url == url)
    }

    fn with<T>(
        &self,
        url: &str,
        then: impl FnOnce(&mut List) -> Result<T, CredentialError>,
    ) -> Result<T, CredentialError> {
        let mut lists = self.lists.borrow_mut();
        let list = lists.iter_mut().find(|list| list.url == url);
        then(list.ok_or(CredentialError::NotFound)?)
    }
}

impl List {
    fn read(key: &[u8], record: &[u8], identity: &Identity) -> Option<Self> {
        let stored = Stored::decode(records::open(record).ok()?).ok()?;
        let taken = StatusList::decode(&stored.taken).ok()?;
        let seed = match stored.seed.as_slice() {
            // Of a build that had all lists signed by the identity of the day.
            [] => identity.seed(),
            seed => Zeroizing::new(seed.try_into().ok()?),
        };
        Some(Self {
            id: keys::parse_status_list(key)?,
            url: stored.url.clone(),
            seed,
            revoked: StatusList::decode(&stored.revoked).ok()?,
            taken_places: (0..PLACES).filter(|index| taken.get(*index) == Ok(true)).count(),
            taken,
        })
    }
}
