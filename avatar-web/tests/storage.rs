//! What every store promises (`storage.proto`, ABI.md H15), for each backend; and what IndexedDB does when it is deleted, full or damaged. Run in a real browser.
#![cfg(target_arch = "wasm32")]

use std::rc::Rc;

use avatar_proto::OpErrorCode;
use avatar_web::storage::{Backend, Batch, IndexedDb, JsStore, Memory, Op, OpenError, Range, Read, Scan, StorageError};
use js_sys::{Function, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// The least that `JsStorage` asks for.
const JS_STORE: &str = r#"
    const text = key => Array.from(key, byte => String.fromCharCode(byte)).join("");
    const bytes = key => Uint8Array.from(key, char => char.charCodeAt(0));
    let records = new Map();
    const inRange = (op, key) => key >= text(op.start) && (op.end === undefined || key < text(op.end));
    return {
        kind: "folder",
        async batch(ops, durability) {
            if (durability !== "strict" && durability !== "relaxed") throw new Error("durability");
            const next = new Map(records);
            const reads = [];
            for (const op of ops) {
                if (op.op === "put") next.set(text(op.key), op.value);
                else if (op.op === "delete") next.delete(text(op.key));
                else if (op.op === "deleteRange") { for (const key of [...next.keys()]) if (inRange(op, key)) next.delete(key); }
                else if (op.op === "get") { const value = next.get(text(op.key)); reads.push({ keys: value ? [op.key] : [], values: value ? [value] : [], more: false }); }
                else if (op.op === "scan") {
                    const read = { keys: [], values: [], more: false };
                    let total = 0;
                    for (const key of [...next.keys()].sort()) {
                        if (!inRange(op, key)) continue;
                        const size = next.get(key).length;
                        if ((op.limit && read.keys.length === op.limit) || (!op.keysOnly && read.keys.length && total + size > op.maxBytes)) { read.more = true; break; }
                        total += size;
                        read.keys.push(bytes(key));
                        if (!op.keysOnly) read.values.push(next.get(key));
                    }
                    reads.push(read);
                } else throw new Error("unknown " + op.op);
                if (op.op === "put" && text(op.key) === "full") throw Object.assign(new Error("disk full"), { code: "QUOTA_EXCEEDED" });
            }
            records = next;
            return reads;
        },
        async close() {},
    };
"#;

fn js(body: &str) -> JsValue {
    Function::new_no_args(body)
        .call0(&JsValue::UNDEFINED)
        .expect("the test's script")
}

async fn js_async(body: &str) -> JsValue {
    let promise: Promise = js(&format!("return (async () => {{ {body} }})()")).unchecked_into();
    JsFuture::from(promise).await.expect("the test's script")
}

fn fresh_name() -> String {
    format!("test-{}", js_sys::Math::random())
}

async fn indexed_db(name: &str) -> IndexedDb {
    match IndexedDb::open(name).await {
        Ok(database) => database,
        Err(OpenError::Unavailable(reason)) => panic!("{reason}"),
        Err(OpenError::Failed(_)) => panic!("does not open"),
    }
}

/// One of each kind.
async fn backends() -> Vec<(&'static str, Rc<dyn Backend>)> {
    vec![
        ("IndexedDB", Rc::new(indexed_db(&fresh_name()).await)),
        ("memory", Rc::new(Memory::new("test"))),
        ("js", Rc::new(JsStore::new(js(JS_STORE).unchecked_into()))),
    ]
}

fn put(key: &[u8], value: &[u8]) -> Op {
    Op::Put(key.to_vec(), Uint8Array::from(value))
}

fn get(key: &[u8]) -> Op {
    Op::Get(key.to_vec())
}

fn range(start: &[u8], end: &[u8]) -> Range {
    Range {
        start: start.to_vec(),
        end: (!end.is_empty()).then(|| end.to_vec()),
    }
}

fn scan(start: &[u8], end: &[u8]) -> Scan {
    Scan {
        range: range(start, end),
        limit: u32::MAX,
        max_bytes: 16 * 1024 * 1024,
        keys_only: false,
    }
}

async fn run(store: &Rc<dyn Backend>, ops: Vec<Op>) -> Result<Vec<Read>, StorageError> {
    store.batch(Batch { ops, strict: false }).await
}

fn values(read: &Read) -> Vec<Vec<u8>> {
    read.values.iter().map(Uint8Array::to_vec).collect()
}

fn keys(read: &Read) -> Vec<&[u8]> {
    read.keys.iter().map(Vec::as_slice).collect()
}

#[wasm_bindgen_test]
async fn reads_see_the_writes_before_them_and_none_after() {
    for (kind, store) in backends().await {
        let reads = run(
            &store,
            vec![
                get(b"a"),
                put(b"a", b"1"),
                get(b"a"),
                put(b"a", b"2"),
                Op::Scan(scan(b"", b"")),
                Op::Delete(b"a".to_vec()),
                get(b"a"),
                put(b"b", b""),
                Op::Delete(b"never".to_vec()),
            ],
        )
        .await
        .expect(kind);
        let found: Vec<_> = reads.iter().map(values).collect();
        assert_eq!(
            found,
            vec![vec![], vec![b"1".to_vec()], vec![b"2".to_vec()], vec![]],
            "{kind}"
        );
        let reads = run(&store, vec![get(b"b")]).await.expect(kind);
        assert_eq!(
            (keys(&reads[0]), values(&reads[0])),
            (vec![&b"b"[..]], vec![vec![]]),
            "{kind}: an empty value is a value"
        );
    }
}

#[wasm_bindgen_test]
async fn batches_take_effect_in_order_though_nobody_awaits_them() {
    for (kind, store) in backends().await {
        let mut waiting = Vec::new();
        for n in 0..100u8 {
            let batch = store.batch(Batch {
                ops: vec![get(b"n"), put(b"n", &[n])],
                strict: n % 10 == 0,
            });
            let (tell, told) = futures_channel::oneshot::channel();
            spawn_local(async move {
                let _ = tell.send(batch.await);
            });
            waiting.push(told);
        }
        for (n, told) in (0..100u8).zip(waiting) {
            let reads = told.await.expect("lives").expect(kind);
            let before: Vec<Vec<u8>> = n.checked_sub(1).map(|n| vec![n]).into_iter().collect();
            assert_eq!(values(&reads[0]), before, "{kind}");
        }
    }
}

#[wasm_bindgen_test]
async fn keys_are_ordered_bytewise_and_ranges_are_half_open() {
    for (kind, store) in backends().await {
        let all: [&[u8]; 7] = [b"\x00", b"a", b"a\x00", b"a\x00\x00", b"ab", b"b", b"\xff\xff"];
        let shuffled = [5, 2, 6, 0, 4, 1, 3];
        run(&store, shuffled.iter().map(|at| put(all[*at], &[*at as u8])).collect())
            .await
            .expect(kind);
        let scans = [
            (scan(b"", b""), &all[..]),
            (scan(b"a", b"b"), &all[1..5]),
            (scan(b"a\x00", b""), &all[2..]),
            (scan(b"a", b"a"), &[]),
            (scan(b"b", b"a"), &[]),
            (scan(b"c", b"d"), &[]),
        ];
        let reads = run(&store, scans.iter().map(|(scan, _)| Op::Scan(scan.clone())).collect())
            .await
            .expect(kind);
        for (read, (scan, expected)) in reads.iter().zip(&scans) {
            assert_eq!(keys(read), *expected, "{kind} {scan:?}");
            assert!(!read.more);
        }
        let emptied = vec![
            Op::DeleteRange(range(b"b", b"a")),
            Op::DeleteRange(range(b"a", b"b")),
            Op::Scan(scan(b"", b"")),
        ];
        let reads = run(&store, emptied).await.expect(kind);
        assert_eq!(keys(&reads[0]), vec![&b"\x00"[..], b"b", b"\xff\xff"], "{kind}");
    }
}

#[wasm_bindgen_test]
async fn scans_stop_at_their_limits_and_go_on_from_there() {
    for (kind, store) in backends().await {
        // More than any first page, of sizes that change on the way.
        let key = |n: u32| n.to_be_bytes();
        let size = |n: u32| if n < 100 { 10 } else { 1_000 };
        let puts = (0..1_000).map(|n| put(&key(n), &vec![n as u8; size(n)])).collect();
        run(&store, puts).await.expect(kind);
        let all = run(&store, vec![Op::Scan(scan(b"", b""))]).await.expect(kind).remove(0);
        assert!(!all.more, "{kind}");
        assert_eq!(
            all.keys,
            (0..1_000).map(|n| key(n).to_vec()).collect::<Vec<_>>(),
            "{kind}"
        );
        assert!(
            (0..1_000).all(|n| all.values[n as usize].to_vec() == vec![n as u8; size(n)]),
            "{kind}"
        );

        for (limit, max_bytes, keys_only, expected) in [
            (1, u32::MAX, false, 1),
            (32, u32::MAX, false, 32),
            (33, u32::MAX, false, 33),
            (999, u32::MAX, false, 999),
            (u32::MAX, 1, false, 1),
            (u32::MAX, 10, false, 1),
            (u32::MAX, 29, false, 2),
            (u32::MAX, 1_999, false, 100),
            (u32::MAX, 2_000, false, 101),
            (u32::MAX, 100_000, false, 199),
            (500, 1, true, 500),
        ] {
            let mut limited = scan(b"", b"");
            (limited.limit, limited.max_bytes, limited.keys_only) = (limit, max_bytes, keys_only);
            let read = run(&store, vec![Op::Scan(limited)]).await.expect(kind).remove(0);
            assert_eq!(
                (read.keys.len(), read.more),
                (expected, true),
                "{kind}: {limit} entries, {max_bytes} bytes"
            );
            assert_eq!(read.values.len(), if keys_only { 0 } else { expected }, "{kind}");
        }
        let mut exact = scan(b"", b"");
        exact.limit = 1_000;
        let read = run(&store, vec![Op::Scan(exact)]).await.expect(kind).remove(0);
        assert_eq!(
            (read.keys.len(), read.more),
            (1_000, false),
            "{kind}: all of them is not more"
        );

        // From the last key + 0x00 on, until there is no more.
        let (mut from, mut found) = (Vec::new(), 0);
        loop {
            let mut page = scan(&from, b"");
            page.limit = 77;
            let read = run(&store, vec![Op::Scan(page)]).await.expect(kind).remove(0);
            found += read.keys.len();
            if !read.more {
                break;
            }
            from = read.keys.last().expect("a full page").clone();
            from.push(0);
        }
        assert_eq!(found, 1_000, "{kind}");
    }
}

#[wasm_bindgen_test]
async fn a_long_scan_does_not_see_the_write_behind_it() {
    for (kind, store) in backends().await {
        run(&store, (0..500u32).map(|n| put(&n.to_be_bytes(), b"before")).collect())
            .await
            .expect(kind);
        let mut ops = vec![Op::Scan(scan(b"", b""))];
        ops.extend((0..500u32).map(|n| put(&n.to_be_bytes(), b"after")));
        ops.push(Op::Scan(scan(b"", b"")));
        ops.push(Op::Scan(scan(b"", b"")));
        let reads = run(&store, ops).await.expect(kind);
        for (read, value) in reads.iter().zip([&b"before"[..], b"after", b"after"]) {
            assert_eq!(read.values.len(), 500, "{kind}");
            assert!(values(read).iter().all(|found| found == value), "{kind}");
        }
    }
}

#[wasm_bindgen_test]
async fn a_full_disk_is_quota_exceeded_and_nothing_is_applied() {
    // Chromium's quota cannot be lowered from inside: the put that fails is made to fail as it does then.
    js(r#"
        const put = IDBObjectStore.prototype.put;
        IDBObjectStore.prototype.put = function (value, key) {
            if (key instanceof Uint8Array && new TextDecoder().decode(key) === "full") throw new DOMException("full", "QuotaExceededError");
            return put.call(this, value, key);
        };
        globalThis.restorePut = () => { IDBObjectStore.prototype.put = put; };
    "#);
    for (kind, store) in backends().await {
        if kind == "memory" {
            continue;
        }
        run(&store, vec![put(b"a", b"old")]).await.expect(kind);
        let error = run(
            &store,
            vec![put(b"a", b"new"), put(b"b", b"new"), put(b"full", b"x"), get(b"a")],
        )
        .await
        .expect_err("the disk is full");
        assert_eq!(error.code, OpErrorCode::QuotaExceeded, "{kind}");
        let reads = run(&store, vec![get(b"a"), get(b"b")]).await.expect(kind);
        assert_eq!(values(&reads[0]), vec![b"old".to_vec()], "{kind}: nothing was applied");
        assert!(reads[1].keys.is_empty(), "{kind}");
    }
    js("restorePut()");
}

#[wasm_bindgen_test]
async fn indexeddb_keeps_what_was_written() {
    let name = fresh_name();
    let store: Rc<dyn Backend> = Rc::new(indexed_db(&name).await);
    // Accepted, and not awaited: a close waits for it.
    let last = store.batch(Batch {
        ops: vec![put(b"a", b"1")],
        strict: true,
    });
    spawn_local(async move {
        last.await.expect("applied");
    });
    store.close().await;
    let error = run(&store, vec![get(b"a")]).await.expect_err("closed");
    assert_eq!(error.code, OpErrorCode::StorageLost);
    let again: Rc<dyn Backend> = Rc::new(indexed_db(&name).await);
    let reads = run(&again, vec![get(b"a")]).await.expect("opens");
    assert_eq!(values(&reads[0]), vec![b"1".to_vec()]);
}

#[wasm_bindgen_test]
async fn a_database_deleted_under_us_is_lost_for_good() {
    let name = fresh_name();
    let store: Rc<dyn Backend> = Rc::new(indexed_db(&name).await);
    run(&store, vec![put(b"a", b"1")]).await.expect("open");
    js_async(&format!(
        "await new Promise((resolve, reject) => {{ const r = indexedDB.deleteDatabase('avatar:{name}'); r.onsuccess = resolve; r.onerror = reject; }})"
    ))
    .await;
    // What the Meta Unit has in memory belongs to the deleted one: it must not be mixed with a new one.
    for _ in 0..3 {
        let error = run(&store, vec![put(b"b", b"2")]).await.expect_err("lost");
        assert_eq!(error.code, OpErrorCode::StorageLost);
    }
    let databases = js_async("return (await indexedDB.databases()).map(d => d.name).join()").await;
    assert!(
        !databases.as_string().expect("names").contains(&name),
        "and none was made"
    );
    // Made anew by somebody else: still another one.
    let other: Rc<dyn Backend> = Rc::new(indexed_db(&name).await);
    run(&other, vec![get(b"a")]).await.expect("a new one");
    assert_eq!(
        run(&store, vec![get(b"a")]).await.expect_err("lost").code,
        OpErrorCode::StorageLost
    );
}

#[wasm_bindgen_test]
async fn a_connection_closed_under_us_is_opened_again_with_all_data() {
    let name = fresh_name();
    let store: Rc<dyn Backend> = Rc::new(indexed_db(&name).await);
    run(&store, vec![put(b"a", b"1")]).await.expect("open");
    // An upgrade that is given up closes our connection, and leaves the database as it was.
    js_async(&format!(
        "await new Promise(resolve => {{
            const r = indexedDB.open('avatar:{name}', 3);
            r.onupgradeneeded = () => r.transaction.abort();
            r.onerror = event => {{ event.preventDefault(); resolve(); }};
        }})"
    ))
    .await;
    // Several at once: in order.
    let second = store.batch(Batch {
        ops: vec![put(b"a", b"2")],
        strict: false,
    });
    let third = store.batch(Batch {
        ops: vec![get(b"a"), put(b"a", b"3")],
        strict: false,
    });
    let (tell, told) = futures_channel::oneshot::channel();
    spawn_local(async move {
        second.await.expect("opened again");
    });
    spawn_local(async move {
        let _ = tell.send(third.await);
    });
    let reads = told.await.expect("lives").expect("opened again");
    assert_eq!(values(&reads[0]), vec![b"2".to_vec()]);
    let reads = run(&store, vec![get(b"a")]).await.expect("open");
    assert_eq!(values(&reads[0]), vec![b"3".to_vec()]);
}

#[wasm_bindgen_test]
async fn a_database_of_a_newer_version_is_refused_and_left_alone() {
    let name = fresh_name();
    js_async(&format!(
        "await new Promise(resolve => {{ const r = indexedDB.open('avatar:{name}', 7); r.onsuccess = () => {{ r.result.close(); resolve(); }}; }})"
    ))
    .await;
    assert!(
        matches!(IndexedDb::open(&name).await, Err(OpenError::Failed(error)) if error.code.name() == "SCHEMA_TOO_NEW")
    );
}

#[wasm_bindgen_test]
async fn what_somebody_else_wrote_into_the_store_is_no_record_of_ours_and_no_crash() {
    let name = fresh_name();
    let store: Rc<dyn Backend> = Rc::new(indexed_db(&name).await);
    run(&store, vec![put(b"a", b"1"), put(b"c", b"3")]).await.expect("open");
    js_async(&format!(
        "const db = await new Promise(resolve => {{ const r = indexedDB.open('avatar:{name}'); r.onsuccess = () => resolve(r.result); }});
         await new Promise(resolve => {{
            const t = db.transaction('records', 'readwrite');
            const s = t.objectStore('records');
            s.put('text', Uint8Array.of(98)); s.put({{ an: 'object' }}, 'a string key'); s.put(1, [1, 2]); s.put(new Uint8Array([52]).buffer, Uint8Array.of(100));
            t.oncomplete = resolve;
         }});
         db.close();"
    ))
    .await;
    let reads = run(&store, vec![get(b"b"), Op::Scan(scan(b"", b""))])
        .await
        .expect("reads");
    assert_eq!(values(&reads[0]), vec![b"".to_vec()]);
    assert_eq!(keys(&reads[1]), vec![&b"a"[..], b"b", b"c", b"d"]);
    assert_eq!(
        values(&reads[1]),
        vec![b"1".to_vec(), b"".to_vec(), b"3".to_vec(), b"4".to_vec()]
    );
}

#[wasm_bindgen_test]
async fn a_js_store_that_breaks_its_promises_is_an_error() {
    for body in [
        "return { batch() { throw new Error('thrown') }, close() {} }",
        "return { async batch() { return [] }, async close() {} }",
        "return { async batch() { return [{ keys: ['a'], values: [], more: false }] }, async close() {} }",
        "return { async batch() { return undefined }, async close() {} }",
    ] {
        let store: Rc<dyn Backend> = Rc::new(JsStore::new(js(body).unchecked_into()));
        let error = run(&store, vec![get(b"a")]).await.expect_err(body);
        assert_eq!(error.code, OpErrorCode::Other, "{body}");
        store.close().await;
    }
}
