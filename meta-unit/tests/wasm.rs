//! The built `meta_unit.wasm` under a host that does what no host may: the same promises as in `boundary.rs`, now of the file that is shipped, with its real
//! memory, pointers and traps.
//!
//! The file is the one of `npm run build`; `AVATAR_META_UNIT_WASM` names another one.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::LazyLock;

use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::{
    AbiStatus, ErrorCode, GuestHello, HostHello, Message, OpError, Query, QueryRun, QuerySubscribe, Request, Response,
    StatusGet, StorageBatch, TestTrap,
};
use meta_unit::platform::MemoryStore;
use wasmi::{Caller, Engine, Extern, Linker, Memory, Module, Store, TypedFunc};

const OK: i32 = 0;
const INVALID: i32 = AbiStatus::Invalid.code();
const BAD_BUFFER: i32 = AbiStatus::BadBuffer.code();
const NOT_FOUND: i32 = AbiStatus::NotFound.code();
const BAD_STATE: i32 = AbiStatus::BadState.code();

static MODULE: LazyLock<(Engine, Module)> = LazyLock::new(|| {
    let path = std::env::var_os("AVATAR_META_UNIT_WASM").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../pkg/wasm-out/meta_unit.wasm")),
        PathBuf::from,
    );
    let wasm =
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; `npm run build` makes it", path.display()));
    let engine = Engine::default();
    let module = Module::new(&engine, &wasm).expect("a module");
    (engine, module)
});

/// What stands behind the imports.
#[derive(Default)]
struct World {
    store: MemoryStore,
    ops: VecDeque<(i64, Vec<u8>, Vec<u8>)>,
    answers: HashMap<i64, Vec<Vec<u8>>>,
    finished: HashMap<i64, u32>,
    last_words: Option<String>,
    closed_streams: Vec<(i32, i32)>,
    now_us: i64,
    random: u64,
    no_randomness: bool,
}

struct Host {
    store: Store<World>,
    memory: Memory,
    alloc: TypedFunc<i32, i32>,
    init: TypedFunc<(i32, i32), i32>,
    handle_request: TypedFunc<(i64, i32, i32), i32>,
    cancel_request: TypedFunc<i64, i32>,
    complete: TypedFunc<(i64, i32, i32, i32, i32, i32), i32>,
    stream_event: TypedFunc<(i32, i32, i64, i32, i32), i32>,
    turn: TypedFunc<i32, i64>,
    shutdown: TypedFunc<i64, i32>,
}

/// A copy of a lent buffer. The host checks it, as H4 says.
fn lent(caller: &Caller<'_, World>, ptr: i32, len: i32) -> Vec<u8> {
    let memory = caller
        .get_export("memory")
        .and_then(Extern::into_memory)
        .expect("one exported memory");
    let (start, len) = (ptr as u32 as usize, len as u32 as usize);
    memory
        .data(caller)
        .get(start..start + len)
        .expect("the guest lends what is inside its memory")
        .to_vec()
}

fn linker(engine: &Engine) -> Linker<World> {
    const MODULE: &str = avatar_proto::IMPORT_MODULE;
    const UNSUPPORTED: i32 = AbiStatus::Unsupported.code();
    let mut linker = Linker::new(engine);
    linker
        .func_wrap(MODULE, "avatar_log", |_: Caller<'_, World>, _: i32, _: i32, _: i32| {})
        .expect("new");
    linker
        .func_wrap(MODULE, "avatar_clock_unix_us", |caller: Caller<'_, World>| {
            1_767_225_600_000_000 + caller.data().now_us
        })
        .expect("new");
    linker
        .func_wrap(MODULE, "avatar_clock_monotonic_us", |mut caller: Caller<'_, World>| {
            caller.data_mut().now_us += 1;
            caller.data().now_us
        })
        .expect("new");
    linker
        .func_wrap(
            MODULE,
            "avatar_random",
            |mut caller: Caller<'_, World>, ptr: i32, len: i32| {
                if caller.data().no_randomness {
                    return AbiStatus::Io.code();
                }
                let memory = caller
                    .get_export("memory")
                    .and_then(Extern::into_memory)
                    .expect("one exported memory");
                for offset in 0..len as u32 as usize {
                    let world = caller.data_mut();
                    world.random = world.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let byte = (world.random >> 56) as u8;
                    memory.data_mut(&mut caller)[ptr as u32 as usize + offset] = byte;
                }
                OK
            },
        )
        .expect("new");
    linker
        .func_wrap(
            MODULE,
            "avatar_panic",
            |mut caller: Caller<'_, World>, ptr: i32, len: i32| {
                let message = lent(&caller, ptr, len);
                caller.data_mut().last_words = Some(String::from_utf8(message).expect("UTF-8"));
            },
        )
        .expect("new");
    linker
        .func_wrap(
            MODULE,
            "avatar_respond",
            |mut caller: Caller<'_, World>, req: i64, flags: i32, ptr: i32, len: i32, _: i32, _: i32| {
                let head = lent(&caller, ptr, len);
                let world = caller.data_mut();
                world.answers.entry(req).or_default().push(head);
                if flags == 2 {
                    *world.finished.entry(req).or_default() += 1;
                }
                OK
            },
        )
        .expect("new");
    linker
        .func_wrap(MODULE, "avatar_emit", |_: Caller<'_, World>, _: i32, _: i32, _: i32| OK)
        .expect("new");
    linker
        .func_wrap(
            MODULE,
            "avatar_storage",
            |mut caller: Caller<'_, World>, op: i64, head_ptr: i32, head_len: i32, body_ptr: i32, body_len: i32| {
                let (head, body) = (lent(&caller, head_ptr, head_len), lent(&caller, body_ptr, body_len));
                caller.data_mut().ops.push_back((op, head, body));
                OK
            },
        )
        .expect("new");
    for name in ["avatar_net_request", "avatar_infer"] {
        linker
            .func_wrap(
                MODULE,
                name,
                |_: Caller<'_, World>, _: i64, _: i32, _: i32, _: i32, _: i32| UNSUPPORTED,
            )
            .expect("new");
    }
    for name in ["avatar_p2p", "avatar_keys"] {
        linker
            .func_wrap(MODULE, name, |_: Caller<'_, World>, _: i64, _: i32, _: i32| UNSUPPORTED)
            .expect("new");
    }
    linker
        .func_wrap(MODULE, "avatar_cancel", |_: Caller<'_, World>, _: i64| OK)
        .expect("new");
    linker
        .func_wrap(
            MODULE,
            "avatar_stream_write",
            |_: Caller<'_, World>, _: i32, _: i32, _: i32| UNSUPPORTED,
        )
        .expect("new");
    linker
        .func_wrap(MODULE, "avatar_stream_grant", |_: Caller<'_, World>, _: i32, _: i32| {
            UNSUPPORTED
        })
        .expect("new");
    linker
        .func_wrap(
            MODULE,
            "avatar_stream_close",
            |mut caller: Caller<'_, World>, stream: i32, how: i32| {
                caller.data_mut().closed_streams.push((stream, how));
                OK
            },
        )
        .expect("new");
    linker
}

impl Host {
    /// An instance on this storage, not yet initialised.
    fn on(records: MemoryStore) -> Self {
        let (engine, module) = &*MODULE;
        let world = World {
            store: records,
            random: 1,
            ..World::default()
        };
        let mut store = Store::new(engine, world);
        let instance = linker(engine)
            .instantiate_and_start(&mut store, module)
            .expect("every import is linked");
        macro_rules! export {
            ($name:literal) => {
                instance.get_typed_func(&store, $name).expect($name)
            };
        }
        Self {
            memory: instance.get_memory(&store, "memory").expect("one exported memory"),
            alloc: export!("yuan_alloc"),
            init: export!("yuan_init"),
            handle_request: export!("yuan_handle_request"),
            cancel_request: export!("yuan_cancel_request"),
            complete: export!("yuan_complete"),
            stream_event: export!("yuan_stream_event"),
            turn: export!("yuan_turn"),
            shutdown: export!("yuan_shutdown"),
            store,
        }
    }

    /// An instance that is up.
    fn started() -> Self {
        let mut host = Self::on(MemoryStore::default());
        assert_eq!(host.greet(&HostHello::default()).error, None);
        host
    }

    fn greet(&mut self, hello: &HostHello) -> GuestHello {
        let (ptr, len) = self.give(&hello.encode_to_vec());
        assert_eq!(self.init.call(&mut self.store, (ptr, len)).expect("no trap"), OK);
        self.run();
        let head = &self.store.data().answers[&0][0];
        GuestHello::decode(head.as_slice()).expect("a GuestHello")
    }

    fn give(&mut self, bytes: &[u8]) -> (i32, i32) {
        if bytes.is_empty() {
            return (0, 0);
        }
        let ptr = self.alloc.call(&mut self.store, bytes.len() as i32).expect("no trap");
        assert_ne!(ptr, 0);
        let start = ptr as u32 as usize;
        let buffer = &mut self.memory.data_mut(&mut self.store)[start..start + bytes.len()];
        assert!(buffer.iter().all(|byte| *byte == 0), "a buffer is zeroed");
        buffer.copy_from_slice(bytes);
        (ptr, bytes.len() as i32)
    }

    fn request(&mut self, req: i64, bytes: &[u8]) -> i32 {
        let (ptr, len) = self.give(bytes);
        self.handle_request
            .call(&mut self.store, (req, ptr, len))
            .expect("no trap")
    }

    fn finish(&mut self, op: i64, status: i32, head: &[u8], body: &[u8]) -> i32 {
        let ((head_ptr, head_len), (body_ptr, body_len)) = (self.give(head), self.give(body));
        self.complete
            .call(&mut self.store, (op, status, head_ptr, head_len, body_ptr, body_len))
            .expect("no trap")
    }

    fn turn(&mut self) -> i64 {
        self.turn.call(&mut self.store, 10_000).expect("no trap")
    }

    /// Turns the guest and completes its operations until nothing is ready.
    fn run(&mut self) {
        loop {
            let next = self.turn();
            assert!(next >= -1, "turn: {next}");
            let Some((op, head, body)) = self.store.data_mut().ops.pop_front() else {
                if next == 0 {
                    continue;
                }
                return;
            };
            let batch = StorageBatch::decode(head.as_slice()).expect("a StorageBatch");
            let code = match self.store.data_mut().store.execute(&batch, &body) {
                Ok((result, body)) => self.finish(op, 0, &result.encode_to_vec(), &body),
                Err(status) => self.finish(op, status.code(), &OpError::default().encode_to_vec(), &[]),
            };
            assert_eq!(code, OK);
        }
    }

    fn answers(&self, req: i64) -> Vec<Response> {
        let heads = self.store.data().answers.get(&req).cloned().unwrap_or_default();
        heads
            .iter()
            .map(|head| Response::decode(head.as_slice()).expect("a Response"))
            .collect()
    }

    fn error(&self, req: i64) -> Option<ErrorCode> {
        match self.answers(req).last()?.response.as_ref()? {
            Answer::Error(error) => Some(error.code()),
            _ => None,
        }
    }

    fn times_finished(&self, req: i64) -> u32 {
        self.store.data().finished.get(&req).copied().unwrap_or(0)
    }
}

fn encoded(request: Ask) -> Vec<u8> {
    Request { request: Some(request) }.encode_to_vec()
}

fn status() -> Vec<u8> {
    encoded(Ask::StatusGet(StatusGet {}))
}

/// One of each kind of request, by their encoding.
fn every_kind() -> Vec<Vec<u8>> {
    let query = Some(Query {
        r#type: "note".to_owned(),
        limit: 3,
        ..Query::default()
    });
    let (document_id, session) = (vec![1; 16], vec![2; 16]);
    vec![
        encoded(Ask::DocCreate(avatar_proto::DocCreate {
            document_id: document_id.clone(),
            session: session.clone(),
            r#type: "note".to_owned(),
            content: Some(avatar_proto::MapValue {
                entries: vec![avatar_proto::MapEntry {
                    key: "title".to_owned(),
                    value: Some(avatar_proto::Value {
                        kind: Some(avatar_proto::value::Kind::String("Hello".to_owned())),
                    }),
                }],
            }),
            detached: false,
        })),
        encoded(Ask::DocOpen(avatar_proto::DocOpen {
            document_id: document_id.clone(),
            session,
        })),
        encoded(Ask::DocChange(avatar_proto::DocChange {
            view: 1,
            change_seq: 1,
            change: Some(avatar_proto::doc_change::Change::Run(avatar_proto::TextRun {
                path: vec![avatar_proto::PathStep {
                    step: Some(avatar_proto::path_step::Step::Key("title".to_owned())),
                }],
                indexes: vec![0, 1],
                deletes: vec![0, 1],
                insert_lens: vec![1, 1],
                inserted: "ab".to_owned(),
            })),
            ..avatar_proto::DocChange::default()
        })),
        encoded(Ask::DocHistory(avatar_proto::DocHistory {
            document_id: document_id.clone(),
            limit: 0,
            offset: 0,
        })),
        encoded(Ask::QueryRun(QueryRun { query: query.clone() })),
        encoded(Ask::QuerySubscribe(QuerySubscribe { query })),
        encoded(Ask::DocDelete(avatar_proto::DocDelete { document_id })),
        status(),
    ]
}

#[test]
fn the_file_says_which_abi_it_speaks_before_it_is_instantiated() {
    let section = |name: &str| MODULE.1.custom_sections().find(|section| section.name() == name);
    let abi = section("avatar:abi").expect("avatar:abi");
    assert_eq!(abi.data(), [1, 0, 0, 0, 0, 0]);
}

#[test]
fn it_starts_answers_and_is_the_same_owner_after_a_restart() {
    let mut host = Host::on(MemoryStore::default());
    let first = host.greet(&HostHello::default());
    assert_eq!(first.error, None);
    assert_eq!(host.request(1, &status()), OK);
    host.run();
    let Some(Answer::Status(status)) = &host.answers(1)[0].response else {
        panic!("{:?}", host.answers(1))
    };
    assert_eq!(status.did, first.did);
    assert!(status.memory_bytes > 0);
    let mut next = Host::on(host.store.data().store.clone());
    assert_eq!(next.greet(&HostHello::default()).did, first.did);
}

#[test]
fn g1_no_pointer_makes_it_trap() {
    let mut host = Host::started();
    let end = host.memory.data_size(&host.store) as i64;
    let numbers = [
        0,
        1,
        8,
        1024,
        i64::from(i32::MAX),
        end - 1,
        end,
        -1,
        i64::from(i32::MIN),
    ]
    .map(|n| n as i32);
    for ptr in numbers {
        for len in numbers {
            if (ptr, len) == (0, 0) {
                continue;
            }
            let code = host
                .handle_request
                .call(&mut host.store, (1, ptr, len))
                .expect("no trap");
            assert_eq!(code, BAD_BUFFER, "({ptr}, {len})");
            let code = host
                .complete
                .call(&mut host.store, (1, 0, ptr, len, 0, 0))
                .expect("no trap");
            assert_eq!(code, BAD_BUFFER, "({ptr}, {len})");
            let code = host
                .stream_event
                .call(&mut host.store, (2, 6, 0, ptr, len))
                .expect("no trap");
            assert_eq!(code, BAD_BUFFER, "({ptr}, {len})");
        }
    }
    assert_eq!(host.request(1, &status()), OK);
    host.run();
    assert_eq!(host.times_finished(1), 1);
}

#[test]
fn g1_lengths_that_no_memory_has_give_no_buffer() {
    let mut host = Host::started();
    for len in [0, -1, i32::MIN, i32::MAX, 16 * 1024 * 1024 + 1] {
        assert_eq!(host.alloc.call(&mut host.store, len).expect("no trap"), 0, "{len}");
    }
}

#[test]
fn g3_before_init_and_after_shutdown_calls_are_bad_state() {
    let mut host = Host::on(MemoryStore::default());
    assert_eq!(host.request(1, &status()), BAD_STATE);
    assert_eq!(host.turn(), i64::from(BAD_STATE));
    assert_eq!(host.greet(&HostHello::default()).error, None);
    assert_eq!(host.shutdown.call(&mut host.store, 1_000_000).expect("no trap"), OK);
    host.run();
    assert_eq!(host.request(2, &status()), BAD_STATE);
    assert_eq!(
        host.cancel_request.call(&mut host.store, 2).expect("no trap"),
        BAD_STATE
    );
    assert_eq!(host.shutdown.call(&mut host.store, 0).expect("no trap"), BAD_STATE);
    assert_eq!(host.turn(), -1);
}

#[test]
fn g6_completions_that_nobody_waits_for_have_no_effect() {
    let mut host = Host::on(MemoryStore::default());
    let (ptr, len) = host.give(&HostHello::default().encode_to_vec());
    assert_eq!(host.init.call(&mut host.store, (ptr, len)).expect("no trap"), OK);
    host.turn();
    let ops: Vec<i64> = host.store.data().ops.iter().map(|(op, _, _)| *op).collect();
    let op = ops[0];
    for unknown in [0, -1, ops.iter().max().expect("a start reads") + 1, i64::MAX] {
        assert_eq!(host.finish(unknown, 0, b"head", b"body"), NOT_FOUND);
    }
    assert_eq!(host.finish(op, 7, &[], &[]), INVALID);
    // A completion that breaks the contract ends the operation with an error, and not the instance.
    assert_eq!(host.finish(op, 0, b"\xff\xff\xff", b"garbage"), OK);
    assert_eq!(host.finish(op, 0, &[], &[]), NOT_FOUND);
    host.store.data_mut().ops.remove(0);
    host.run();
    assert_eq!(host.request(1, &status()), OK);
    host.run();
    assert!(host.error(1).is_some(), "the start failed, and every request is told");
}

#[test]
fn g5_flipped_and_cut_requests_are_answered_and_never_trap() {
    let mut host = Host::started();
    let mut req = 0;
    for bytes in every_kind() {
        let damaged = (0..bytes.len() * 8)
            .map(|bit| {
                let mut damaged = bytes.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                damaged
            })
            .chain((0..bytes.len()).map(|len| bytes[..len].to_vec()))
            .collect::<Vec<_>>();
        for damaged in damaged {
            req += 1;
            assert_eq!(host.request(req, &damaged), OK);
            host.run();
            assert!(!host.answers(req).is_empty(), "{damaged:02x?} got no answer");
            assert!(host.times_finished(req) <= 1);
        }
    }
    // Live requests among them end when they are cancelled.
    for req in 1..=req {
        host.cancel_request.call(&mut host.store, req).expect("no trap");
    }
    host.run();
    assert!((1..=req).all(|req| host.times_finished(req) == 1));
}

#[test]
fn h7_after_a_trap_a_new_instance_goes_on_from_the_same_storage() {
    let mut host = Host::on(MemoryStore::default());
    let hello = HostHello {
        allow_test_requests: true,
        ..HostHello::default()
    };
    let first = host.greet(&hello);
    assert_eq!(host.request(1, &encoded(Ask::TestTrap(TestTrap {}))), OK);
    assert!(host.turn.call(&mut host.store, 1000).is_err(), "the instance traps");
    assert_eq!(host.times_finished(1), 0);
    let mut next = Host::on(host.store.data().store.clone());
    assert_eq!(next.greet(&hello).did, first.did);
}

#[test]
fn without_randomness_it_dies_with_last_words_instead_of_making_a_weak_key() {
    let mut host = Host::on(MemoryStore::default());
    host.store.data_mut().no_randomness = true;
    let (ptr, len) = host.give(&HostHello::default().encode_to_vec());
    assert_eq!(host.init.call(&mut host.store, (ptr, len)).expect("no trap"), OK);
    let mut trapped = false;
    for _ in 0..20 {
        if host.turn.call(&mut host.store, 1000).is_err() {
            trapped = true;
            break;
        }
        let Some((op, head, body)) = host.store.data_mut().ops.pop_front() else {
            continue;
        };
        let batch = StorageBatch::decode(head.as_slice()).expect("a StorageBatch");
        let (result, body) = host
            .store
            .data_mut()
            .store
            .execute(&batch, &body)
            .expect("a good batch");
        assert_eq!(host.finish(op, 0, &result.encode_to_vec(), &body), OK);
    }
    assert!(trapped);
    assert!(
        host.store
            .data()
            .last_words
            .as_ref()
            .is_some_and(|words| words.contains("randomness"))
    );
}
