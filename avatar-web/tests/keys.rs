//! Key sets of WebCrypto (`keys.proto`, ABI.md H21 to H23): real, kept, not to be read by anybody; and what is said where the engine cannot do that. Run in a real browser.
#![cfg(target_arch = "wasm32")]

use std::rc::Rc;

use avatar_proto::keys_command::Command;
use avatar_proto::{
    AbiStatus, KeyProtection, KeysAgree, KeysCommand, KeysErase, KeysOpen, KeysResult, KeysSign, KeysUnwrap, KeysWrap,
};
use avatar_web::keys::{self, Keys};
use avatar_web::storage::{Backend, Batch, IndexedDb, JsStore, Memory, Op, OpenError};
use js_sys::{Function, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_dedicated_worker);

async fn js(arguments: &[&JsValue], body: &str) -> JsValue {
    let body = format!("return (async (a, b, c) => {{ {body} }})(...arguments)");
    let arguments = arguments.iter().copied().cloned().collect();
    let promise: Promise = Function::new_no_args(&body)
        .apply(&JsValue::UNDEFINED, &arguments)
        .expect("the test's script")
        .unchecked_into();
    JsFuture::from(promise).await.expect("the test's script")
}

fn fresh_name() -> String {
    format!("test-{}", js_sys::Math::random())
}

async fn database(name: &str) -> IndexedDb {
    match IndexedDb::open(name).await {
        Ok(database) => database,
        Err(OpenError::Unavailable(reason)) => panic!("{reason}"),
        Err(OpenError::Failed(error)) => panic!("{}", error.message),
    }
}

async fn keys_of(name: &str) -> Rc<dyn Keys> {
    keys::of(&database(name).await).expect("a worker of a secure context has WebCrypto")
}

async fn run(keys: &Rc<dyn Keys>, name: &str, command: Command) -> Result<KeysResult, AbiStatus> {
    let name = name.to_owned();
    let command = Some(command);
    let result = keys.run(KeysCommand { name, command }).await;
    result.map_err(|error| error.into_completion().0)
}

async fn open(keys: &Rc<dyn Keys>, name: &str) -> KeysResult {
    run(keys, name, Command::Open(KeysOpen {})).await.expect("opens")
}

async fn sign(keys: &Rc<dyn Keys>, name: &str, message: &[u8]) -> Result<Vec<u8>, AbiStatus> {
    let message = message.to_vec();
    Ok(run(keys, name, Command::Sign(KeysSign { message })).await?.data)
}

async fn agree(keys: &Rc<dyn Keys>, name: &str, public_key: &[u8]) -> Result<Vec<u8>, AbiStatus> {
    let public_key = public_key.to_vec();
    Ok(run(keys, name, Command::Agree(KeysAgree { public_key })).await?.data)
}

async fn wrap(keys: &Rc<dyn Keys>, name: &str, secret: &[u8], context: &[u8]) -> Result<Vec<u8>, AbiStatus> {
    let (secret, context) = (secret.to_vec(), context.to_vec());
    Ok(run(keys, name, Command::Wrap(KeysWrap { secret, context })).await?.data)
}

async fn unwrap(keys: &Rc<dyn Keys>, name: &str, wrapped: &[u8], context: &[u8]) -> Result<Vec<u8>, AbiStatus> {
    let (wrapped, context) = (wrapped.to_vec(), context.to_vec());
    let unwrap = Command::Unwrap(KeysUnwrap { wrapped, context });
    Ok(run(keys, name, unwrap).await?.data)
}

fn same_but_not_created(before: &KeysResult, again: &KeysResult) -> bool {
    let created = before.created;
    !again.created
        && *before
            == KeysResult {
                created,
                ..again.clone()
            }
}

async fn verifies(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let [public_key, message, signature] = [public_key, message, signature].map(Uint8Array::from);
    let script = "const key = await crypto.subtle.importKey('raw', a, 'Ed25519', false, ['verify']);
        return crypto.subtle.verify('Ed25519', key, c, b);";
    js(&[&public_key, &message, &signature], script).await.is_truthy()
}

#[wasm_bindgen_test]
async fn the_keys_sign_agree_and_wrap() {
    let keys = keys_of(&fresh_name()).await;
    let (ours, theirs) = (open(&keys, "ours").await, open(&keys, "theirs").await);
    assert_eq!(ours.protection(), KeyProtection::Platform);
    assert!(ours.created);
    assert!(!open(&keys, "ours").await.created);

    for message in [&b""[..], b"message", &[7; 32_768]] {
        let signature = sign(&keys, "ours", message).await.expect("signs");
        assert_eq!(signature.len(), 64);
        assert!(verifies(&ours.sign_public_key, message, &signature).await);
        assert!(!verifies(&theirs.sign_public_key, message, &signature).await);
    }

    let shared = agree(&keys, "ours", &theirs.agree_public_key).await.expect("agrees");
    assert_eq!(shared.len(), 32);
    assert_eq!(agree(&keys, "theirs", &ours.agree_public_key).await, Ok(shared));

    for secret in [&b""[..], b"secret", &[9; 4_096]] {
        let wrapped = wrap(&keys, "ours", secret, b"context").await.expect("wraps");
        assert!(wrapped.len() <= secret.len() + 64);
        assert_ne!(
            wrap(&keys, "ours", secret, b"context").await.as_ref(),
            Ok(&wrapped),
            "a nonce of its own"
        );
        assert_eq!(unwrap(&keys, "ours", &wrapped, b"context").await.as_deref(), Ok(secret));
        let mut damaged = wrapped.clone();
        damaged[wrapped.len() / 2] ^= 1;
        for (name, wrapped, context) in [
            ("ours", damaged.as_slice(), b"context".as_slice()),
            ("ours", &wrapped, b"other"),
            ("theirs", &wrapped, b"context"),
            ("ours", &wrapped[..wrapped.len() - 1], b"context"),
            ("ours", &wrapped[..11], b"context"),
            ("ours", b"", b"context"),
        ] {
            assert_eq!(unwrap(&keys, name, wrapped, context).await, Err(AbiStatus::Corrupt));
        }
    }
}

#[wasm_bindgen_test]
async fn public_keys_of_low_order_are_invalid() {
    let keys = keys_of(&fresh_name()).await;
    open(&keys, "ours").await;
    let mut one = [0; 32];
    one[0] = 1;
    // Of order 8 (RFC 7748, and Bernstein's list of points to reject).
    let order_8 = [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09,
        0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ];
    for low in [[0; 32], one, order_8] {
        assert_eq!(agree(&keys, "ours", &low).await, Err(AbiStatus::Invalid));
    }
}

#[wasm_bindgen_test]
async fn nobody_can_read_a_private_key_of_the_database() {
    let name = fresh_name();
    open(&keys_of(&name).await, "device").await;
    let script = "
        const db = await new Promise(resolve => { const r = indexedDB.open('avatar:' + a); r.onsuccess = () => resolve(r.result); });
        const stored = await new Promise(resolve => { const r = db.transaction('keys').objectStore('keys').get('device'); r.onsuccess = () => resolve(r.result); });
        db.close();
        const tried = [];
        for (const key of [stored.sign.private, stored.agree.private, stored.wrap])
            for (const format of ['raw', 'pkcs8', 'jwk'])
                tried.push(await crypto.subtle.exportKey(format, key).then(() => 'read', error => error.name));
        return tried.join();";
    let tried = js(&[&name.as_str().into()], script).await.as_string().expect("names");
    assert_eq!(tried, ["InvalidAccessError"; 9].join(","));
}

#[wasm_bindgen_test]
async fn a_key_set_is_there_after_a_restart_and_gone_after_an_erase() {
    let name = fresh_name();
    let backend = database(&name).await;
    let before = keys::of(&backend).expect("WebCrypto");
    let opened = open(&before, "device").await;
    let wrapped = wrap(&before, "device", b"secret", b"context").await.expect("wraps");
    backend.close().await;
    assert_eq!(
        sign(&before, "other", b"message").await,
        Err(AbiStatus::Io),
        "the host is closed"
    );

    let after = keys_of(&name).await;
    let signature = sign(&after, "device", b"message")
        .await
        .expect("signs without being opened");
    assert!(verifies(&opened.sign_public_key, b"message", &signature).await);
    assert_eq!(
        unwrap(&after, "device", &wrapped, b"context").await.as_deref(),
        Ok(&b"secret"[..])
    );
    let again = open(&after, "device").await;
    assert!(same_but_not_created(&opened, &again));

    run(&after, "device", Command::Erase(KeysErase {}))
        .await
        .expect("erases");
    run(&after, "device", Command::Erase(KeysErase {}))
        .await
        .expect("absent is no error");
    assert_eq!(sign(&after, "device", b"message").await, Err(AbiStatus::NotFound));
    let fresh = open(&after, "device").await;
    assert!(fresh.created && fresh.sign_public_key != opened.sign_public_key);
    assert_eq!(
        unwrap(&after, "device", &wrapped, b"context").await,
        Err(AbiStatus::Corrupt)
    );
}

#[wasm_bindgen_test]
async fn two_tabs_that_open_at_once_get_one_key_set() {
    for _ in 0..5 {
        let name = fresh_name();
        let (one, other) = (keys_of(&name).await, keys_of(&name).await);
        let opened = futures_util::future::join4(
            open(&one, "device"),
            open(&other, "device"),
            open(&one, "device"),
            open(&other, "device"),
        )
        .await;
        let opened = [opened.0, opened.1, opened.2, opened.3];
        assert_eq!(opened.iter().filter(|opened| opened.created).count(), 1);
        for opened in &opened {
            assert_eq!(
                opened.sign_public_key,
                open(&keys_of(&name).await, "device").await.sign_public_key
            );
        }
        let signature = sign(&other, "device", b"message").await.expect("signs");
        assert!(verifies(&opened[0].sign_public_key, b"message", &signature).await);
    }
}

#[wasm_bindgen_test]
async fn a_database_of_the_version_before_keys_opens_with_all_its_data() {
    let name = fresh_name();
    let script = "
        const db = await new Promise(resolve => {
            const r = indexedDB.open('avatar:' + a, 1);
            r.onupgradeneeded = () => {
                r.result.createObjectStore('records');
                r.result.createObjectStore('host').put(new Uint8Array(16).fill(5), 'id');
            };
            r.onsuccess = () => resolve(r.result);
        });
        await new Promise(resolve => {
            const t = db.transaction('records', 'readwrite');
            t.objectStore('records').put(Uint8Array.of(1, 2, 3), Uint8Array.of(107));
            t.oncomplete = resolve;
        });
        db.close();";
    js(&[&name.as_str().into()], script).await;
    let database = database(&name).await;
    let reads = database.batch(Batch {
        ops: vec![Op::Get(b"k".to_vec())],
        strict: false,
    });
    let reads = reads.await.expect("reads");
    assert_eq!(reads[0].values[0].to_vec(), [1, 2, 3]);
    let keys = keys::of(&database).expect("WebCrypto");
    assert!(open(&keys, "device").await.created);
}

#[wasm_bindgen_test]
async fn without_a_database_keys_are_in_memory_and_say_so() {
    let keys = keys::of(&Memory::new("test")).expect("WebCrypto");
    let (first, second) = futures_util::future::join(open(&keys, "device"), open(&keys, "device")).await;
    assert_eq!(first.protection(), KeyProtection::Memory);
    assert_eq!(first.sign_public_key, second.sign_public_key);
    assert!(first.created != second.created);
    let signature = sign(&keys, "device", b"message").await.expect("signs");
    assert!(verifies(&first.sign_public_key, b"message", &signature).await);
    run(&keys, "device", Command::Erase(KeysErase {}))
        .await
        .expect("erases");
    assert_eq!(sign(&keys, "device", b"message").await, Err(AbiStatus::NotFound));
}

/// What Firefox says in private windows.
const NO_CLONE: &str = "
    globalThis.realPut = IDBObjectStore.prototype.put;
    IDBObjectStore.prototype.put = function (value, key) {
        if (this.name === 'keys') throw new DOMException('not here', 'DataCloneError');
        return realPut.call(this, value, key);
    };";

/// An engine that takes keys and gives nothing back.
const LOSSY_CLONE: &str = "
    globalThis.realPut = IDBObjectStore.prototype.put;
    IDBObjectStore.prototype.put = function (value, key) { return realPut.call(this, this.name === 'keys' ? null : value, key); };";

#[wasm_bindgen_test]
async fn where_the_engine_does_not_store_keys_they_are_in_memory_and_say_so() {
    for engine in [NO_CLONE, LOSSY_CLONE] {
        let name = fresh_name();
        let keys = keys_of(&name).await;
        js(&[], engine).await;
        let opened = open(&keys, "device").await;
        let again = open(&keys, "device").await;
        js(&[], "IDBObjectStore.prototype.put = realPut;").await;
        assert_eq!(opened.protection(), KeyProtection::Memory);
        assert!(same_but_not_created(&opened, &again));
        let signature = sign(&keys, "device", b"message").await.expect("signs");
        assert!(verifies(&opened.sign_public_key, b"message", &signature).await);
        assert!(open(&keys_of(&name).await, "device").await.created, "nothing was kept");
    }
}

#[wasm_bindgen_test]
async fn where_the_engine_does_not_store_keys_to_agree_with_the_others_are_kept_without_them() {
    // What WebKitGTK does.
    let engine = "
        globalThis.realPut = IDBObjectStore.prototype.put;
        IDBObjectStore.prototype.put = function (value, key) { return realPut.call(this, value.agree ? null : value, key); };";
    let name = fresh_name();
    let keys = keys_of(&name).await;
    js(&[], engine).await;
    let (opened, again) = futures_util::future::join(open(&keys, "device"), open(&keys, "device")).await;
    js(&[], "IDBObjectStore.prototype.put = realPut;").await;
    assert_eq!(opened.protection(), KeyProtection::Platform);
    assert!(opened.agree_public_key.is_empty());
    assert!(opened.created != again.created && opened.sign_public_key == again.sign_public_key);
    let after = keys_of(&name).await;
    let signature = sign(&after, "device", b"message").await.expect("signs");
    assert!(verifies(&opened.sign_public_key, b"message", &signature).await);
    assert_eq!(agree(&after, "device", &[9; 32]).await, Err(AbiStatus::Unsupported));
}

#[wasm_bindgen_test]
async fn h22_a_key_that_the_engine_fails_to_make_is_asked_for_again() {
    js(
        &[],
        "
        globalThis.realGenerate = SubtleCrypto.prototype.generateKey;
        const failed = {};
        SubtleCrypto.prototype.generateKey = async function (algorithm, ...rest) {
            const name = algorithm.name;
            failed[name] = (failed[name] ?? 0) + 1;
            if (name !== 'AES-GCM' && failed[name] < 4) throw new DOMException('as WebKitGTK does', 'OperationError');
            return realGenerate.call(this, algorithm, ...rest);
        };
        ",
    )
    .await;
    let keys = keys_of(&fresh_name()).await;
    let opened = run(&keys, "device", Command::Open(KeysOpen {})).await;
    js(&[], "SubtleCrypto.prototype.generateKey = realGenerate;").await;
    let opened = opened.expect("the fourth key is made");
    assert!(opened.sign_public_key.len() == 32 && opened.agree_public_key.len() == 32);
}

#[wasm_bindgen_test]
async fn an_algorithm_that_the_engine_lacks_is_told_and_the_rest_works() {
    let name = fresh_name();
    let keys = keys_of(&name).await;
    let engine = "
        globalThis.realGenerate = SubtleCrypto.prototype.generateKey;
        SubtleCrypto.prototype.generateKey = async function (algorithm, ...rest) {
            if (/25519/.test(algorithm.name)) throw new DOMException('not here', 'NotSupportedError');
            return realGenerate.call(this, algorithm, ...rest);
        };";
    js(&[], engine).await;
    let opened = open(&keys, "device").await;
    js(&[], "SubtleCrypto.prototype.generateKey = realGenerate;").await;
    assert_eq!(opened.protection(), KeyProtection::Platform);
    assert!(opened.sign_public_key.is_empty() && opened.agree_public_key.is_empty());
    for keys in [keys, keys_of(&name).await] {
        assert_eq!(sign(&keys, "device", b"message").await, Err(AbiStatus::Unsupported));
        assert_eq!(agree(&keys, "device", &[9; 32]).await, Err(AbiStatus::Unsupported));
        let wrapped = wrap(&keys, "device", b"secret", b"").await.expect("wraps");
        assert_eq!(
            unwrap(&keys, "device", &wrapped, b"").await.as_deref(),
            Ok(&b"secret"[..])
        );
    }
}

#[wasm_bindgen_test]
async fn a_key_set_that_can_be_read_or_is_damaged_is_refused_and_never_replaced() {
    let name = fresh_name();
    let readable = "
        const db = await new Promise(resolve => { const r = indexedDB.open('avatar:' + a); r.onsuccess = () => resolve(r.result); });
        const wrap = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, true, ['encrypt', 'decrypt']);
        await new Promise(resolve => {
            const t = db.transaction('keys', 'readwrite');
            t.objectStore('keys').put({ wrap }, 'readable');
            t.objectStore('keys').put('something else', 'damaged');
            t.objectStore('keys').put(null, 'nothing');
            t.oncomplete = resolve;
        });
        db.close();";
    let keys = keys_of(&name).await;
    js(&[&name.as_str().into()], readable).await;
    for damaged in ["readable", "damaged", "nothing"] {
        let opened = run(&keys, damaged, Command::Open(KeysOpen {})).await;
        assert_eq!(opened.err(), Some(AbiStatus::Corrupt), "{damaged}");
        assert_eq!(
            wrap(&keys, damaged, b"secret", b"").await,
            Err(AbiStatus::Corrupt),
            "{damaged}"
        );
    }
}

#[wasm_bindgen_test]
async fn without_webcrypto_there_are_no_keys() {
    let database = database(&fresh_name()).await;
    js(
        &[],
        "Object.defineProperty(crypto, 'subtle', { value: undefined, configurable: true });",
    )
    .await;
    let none = keys::of(&database).is_none();
    js(&[], "delete crypto.subtle;").await;
    assert!(none && keys::of(&database).is_some());
}

#[wasm_bindgen_test]
async fn keys_of_the_embedder_get_the_command_as_it_is_and_their_errors_keep_their_codes() {
    let keys_for = |body: &str| {
        let body = format!("return {{ kind: 'folder', batch() {{}}, close() {{}}, keys: {{ {body} }} }}");
        let store = Function::new_no_args(&body)
            .call0(&JsValue::UNDEFINED)
            .expect("a store");
        keys::of(&JsStore::new(store.unchecked_into())).expect("its own")
    };
    // The result: protection FILE, and the command's first byte, that of its name's field, as the data.
    let echo = keys_for("async run(command) { return Uint8Array.of(8, 2, 34, 1, command[0]) }");
    let opened = open(&echo, "device").await;
    assert_eq!(
        (opened.protection(), opened.data.as_slice()),
        (KeyProtection::File, &[10][..])
    );
    for (code, status) in [
        ("NOT_FOUND", AbiStatus::NotFound),
        ("CORRUPT", AbiStatus::Corrupt),
        ("INVALID_ARGUMENT", AbiStatus::Invalid),
        ("UNSUPPORTED", AbiStatus::Unsupported),
        ("STORAGE_BLOCKED", AbiStatus::Io),
        ("anything", AbiStatus::Io),
    ] {
        let failing = keys_for(&format!(
            "async run() {{ throw Object.assign(new Error('no'), {{ code: '{code}' }}) }}"
        ));
        assert_eq!(sign(&failing, "device", b"message").await, Err(status), "{code}");
    }
    for broken in [
        "async run() {}",
        "run() { throw 7 }",
        "async run() { return Uint8Array.of(255) }",
    ] {
        let keys = keys_for(broken);
        assert_eq!(sign(&keys, "device", b"message").await, Err(AbiStatus::Io), "{broken}");
    }
    let without = Function::new_no_args("return { kind: 'folder', batch() {}, close() {} }");
    let without = without.call0(&JsValue::UNDEFINED).expect("a store");
    let keys = keys::of(&JsStore::new(without.unchecked_into())).expect("WebCrypto");
    assert_eq!(open(&keys, "device").await.protection(), KeyProtection::Memory);
}
