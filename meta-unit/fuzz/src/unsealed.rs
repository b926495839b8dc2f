//! A unit whose store can be written and read as if nothing were sealed: its host keeps no keys, so what opens the data lies in the store.

use avatar_proto::HostHello;
use avatar_vault::DataKey;
use avatar_vault::seal;
use avatar_vault::wrap::{Params, Secret};
use meta_unit::abi::test_host::TestHost;
use meta_unit::data::keys;
use meta_unit::vault::VaultRecord;
use meta_unit::vault::sealed::VERSION;

/// A unit that is up, on a host without keys.
pub fn started() -> TestHost {
    let host = TestHost::new(1);
    host.refuse_keys();
    assert_eq!(host.start(&HostHello::default()).error, None);
    host
}

/// The key that everything in the store is sealed under.
fn data_key(host: &TestHost) -> DataKey {
    let record = host.store().borrow().records[&keys::vault(0)].clone();
    let keyring = VaultRecord::decode(&record).expect("the unit wrote it").keyring;
    let mut opened = keyring
        .wrappings()
        .iter()
        .filter_map(|wrapping| match wrapping.params() {
            Params::Platform { blob } => {
                let secret = blob.as_slice().try_into().ok()?;
                keyring.open(wrapping.id(), Secret::Platform(secret)).ok()
            }
            _ => None,
        });
    opened.next().expect("where the host keeps no keys, it lies there")
}

/// Puts a record into the store, sealed as the unit would.
pub fn put(host: &TestHost, key: Vec<u8>, record: &[u8]) {
    let sealed = seal::seal(&data_key(host), &key, VERSION, &[7; seal::NONCE_BYTES], record);
    host.store().borrow_mut().records.insert(key, sealed);
}

/// The records under keys that begin so, opened.
pub fn records_under(host: &TestHost, prefix: &[u8]) -> Vec<Vec<u8>> {
    let key = data_key(host);
    let store = host.store().borrow();
    let found = store.records.iter().filter(|(place, _)| place.starts_with(prefix));
    found
        .map(|(place, record)| seal::open(&key, place, VERSION, record).expect("the unit sealed it"))
        .collect()
}
