// What a host may do to a Meta Unit, and what has to come of it: a status, never a trap. Each check cites the MUST of proto/ABI.md for the guest that it follows from.
import assert from "node:assert/strict";
import { create, toBinary } from "@bufbuild/protobuf";
import { HostHelloSchema } from "../../../pkg/dist/gen/dao/avatar/v1/abi_pb.js";
import { ErrorCode, RequestSchema } from "../../../pkg/dist/gen/dao/avatar/v1/request_pb.js";

const [OK, INVALID, BAD_BUFFER, LIMIT, NOT_FOUND, BAD_STATE, IO] = [0, -1, -2, -4, -6, -10, -11];
const IDLE = -1n;
const MIB = 1024 * 1024;
const MAX_BUFFER = 16 * MIB;
const MAX_REQUESTS = 65_536;
const FOREVER = 10n ** 9n;
const RESET = 3;

const bytesOf = (request) => toBinary(RequestSchema, create(RequestSchema, { request }));
const status = bytesOf({ case: "statusGet", value: {} });
const subscription = bytesOf({ case: "querySubscribe", value: { query: {} } });
const codeOf = (host, req) => host.answers.get(req)?.at(-1)?.value?.code;

/** The guest still serves. */
function serves(host) {
  const req = FOREVER - 1n;
  assert.equal(host.request(req, status), OK);
  host.run();
  assert.equal(host.answers.get(req)?.[0]?.case, "status", "the guest does not serve any more");
  assert.equal(host.lastWords, undefined, `the guest panicked: ${host.lastWords}`);
}

/** `run` makes its hosts by `fresh()`, before yuan_init, or `started()`. `isSlow`: it takes hundreds of megabytes, or a second. */
export const GUEST_CHECKS = [
  {
    name: "a buffer that yuan_alloc did not give is BAD_BUFFER for every export",
    cites: ["G1"],
    run({ started }) {
      const host = started();
      const { exports } = host;
      const [ptr, len] = host.give(Buffer.alloc(100));
      const wrong = [[ptr, len - 1], [ptr, len + 1], [ptr + 1, len - 1], [ptr - 1, len], [0, 5], [5, 0], [ptr, 0], [-1, -1], [0x7fff0000, 16], [-16, 32], [ptr, -1]];
      for (const [at, length] of wrong) {
        assert.equal(exports.yuan_handle_request(1n, at, length), BAD_BUFFER, `(${at}, ${length})`);
        assert.equal(exports.yuan_complete(1n, 0, at, length, 0, 0), BAD_BUFFER);
        assert.equal(exports.yuan_complete(1n, 0, 0, 0, at, length), BAD_BUFFER);
        assert.equal(exports.yuan_stream_event(2, 6, 0n, at, length), BAD_BUFFER);
      }
      assert.equal(exports.yuan_handle_request(1n, ptr, len), OK, "the refusals took the buffer along");
      serves(host);
    },
  },
  {
    name: "yuan_init with a buffer that is none is BAD_BUFFER, and can be called again",
    cites: ["G1"],
    run({ fresh }) {
      const host = fresh();
      assert.equal(host.exports.yuan_init(1_000_000, 8), BAD_BUFFER);
      host.start();
      serves(host);
    },
  },
  {
    name: "a buffer is zeroed, of any length up to the limit, and none beyond",
    cites: ["G1", "G4"],
    run({ fresh }) {
      const host = fresh();
      for (const len of [1, 65_535, 65_536, 65_537, MAX_BUFFER]) {
        const ptr = host.exports.yuan_alloc(len) >>> 0;
        assert.notEqual(ptr, 0);
        assert.ok(new Uint8Array(host.memory.buffer, ptr, len).every((byte) => byte === 0), `${len} bytes are not zeroed`);
      }
      for (const len of [0, MAX_BUFFER + 1, 0x7fffffff, -1]) assert.equal(host.exports.yuan_alloc(len), 0);
    },
  },
  {
    name: "the ledger is bounded: beyond 256 MiB there is no buffer, until some are given back",
    cites: ["G1"],
    isSlow: true,
    run({ started }) {
      const host = started();
      const buffers = [];
      for (let ptr = host.exports.yuan_alloc(MAX_BUFFER); ptr !== 0; ptr = host.exports.yuan_alloc(MAX_BUFFER)) {
        buffers.push(ptr);
        assert.ok(buffers.length <= 16, "more than 256 MiB were given");
      }
      assert.equal(buffers.length, 16);
      for (const ptr of buffers) host.exports.yuan_stream_event(2, 99, 0n, ptr, MAX_BUFFER);
      assert.notEqual(host.exports.yuan_alloc(MAX_BUFFER), 0);
      serves(host);
    },
  },
  {
    name: "a buffer is taken even when the call is refused, and cannot be given twice",
    cites: ["G2"],
    run({ started }) {
      const host = started();
      const buffer = host.give(status);
      assert.equal(host.exports.yuan_handle_request(0n, ...buffer), INVALID);
      assert.equal(host.exports.yuan_handle_request(1n, ...buffer), BAD_BUFFER);
      const late = host.give(Buffer.from("late"));
      assert.equal(host.exports.yuan_complete(4711n, 0, ...late, 0, 0), NOT_FOUND);
      assert.equal(host.exports.yuan_complete(4711n, 0, ...late, 0, 0), BAD_BUFFER);
      const twice = host.give(Buffer.from("twice"));
      assert.equal(host.exports.yuan_complete(4711n, 0, ...twice, ...twice), BAD_BUFFER);
      serves(host);
    },
  },
  {
    name: "before yuan_init everything else is BAD_STATE, and yuan_init is legal once",
    cites: ["G3"],
    run({ fresh }) {
      const host = fresh();
      const { exports } = host;
      assert.equal(exports.yuan_handle_request(1n, 0, 0), BAD_STATE);
      assert.equal(exports.yuan_cancel_request(1n), BAD_STATE);
      assert.equal(exports.yuan_complete(1n, 0, 0, 0, 0, 0), BAD_STATE);
      assert.equal(exports.yuan_stream_event(2, 6, 0n, 0, 0), BAD_STATE);
      assert.equal(exports.yuan_turn(1_000), BigInt(BAD_STATE));
      assert.equal(exports.yuan_shutdown(0n), BAD_STATE);
      assert.equal(host.init(Buffer.from([0xff, 0xff, 0xff])), INVALID, "a HostHello that is none");
      host.start();
      assert.equal(host.init(), BAD_STATE);
      serves(host);
    },
  },
  {
    name: "after yuan_shutdown only yuan_turn and yuan_complete are legal, and every request ends CLOSED",
    cites: ["G3"],
    run({ started }) {
      const host = started();
      host.request(1n, subscription);
      host.run();
      assert.equal(host.exports.yuan_shutdown(-1n), INVALID);
      assert.equal(host.exports.yuan_shutdown(1_000n), OK);
      assert.equal(host.exports.yuan_shutdown(1_000n), BAD_STATE);
      assert.equal(host.exports.yuan_handle_request(2n, 0, 0), BAD_STATE);
      assert.equal(host.exports.yuan_cancel_request(1n), BAD_STATE);
      assert.equal(host.exports.yuan_stream_event(2, 6, 0n, 0, 0), BAD_STATE);
      assert.equal(host.init(), BAD_STATE);
      assert.equal(host.complete(4711n, OK), NOT_FOUND);
      assert.equal(host.run(), IDLE);
      assert.ok(host.finished.get(1n));
      assert.equal(codeOf(host, 1n), ErrorCode.CLOSED);
      assert.equal(host.exports.yuan_turn(1_000), IDLE, "turns after the end are legal");
    },
  },
  {
    name: "an export called from inside an import is BAD_STATE",
    cites: ["G3"],
    run({ started }) {
      const host = started();
      const { exports } = host;
      host.reenter = () => [exports.yuan_handle_request(8n, 0, 0), exports.yuan_cancel_request(8n), exports.yuan_complete(8n, 0, 0, 0, 0, 0), Number(exports.yuan_turn(0)), exports.yuan_shutdown(0n), exports.yuan_init(0, 0), exports.yuan_stream_event(2, 6, 0n, 0, 0)];
      host.request(1n, status);
      host.run();
      host.reenter = undefined;
      assert.ok(host.reentered.length >= 7, "no import was called");
      assert.deepEqual([...new Set(host.reentered)], [BAD_STATE]);
      serves(host);
    },
  },
  {
    name: "request numbers are not zero, unique in flight, and free again after the last answer",
    cites: ["G4"],
    run({ started }) {
      const host = started();
      assert.equal(host.request(0n, status), INVALID);
      for (const req of [1n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
        assert.equal(host.request(req, status), OK);
        assert.equal(host.exports.yuan_handle_request(req, 0, 0), INVALID, "in flight already");
        host.run();
        assert.equal(host.answers.get(req).length, 1);
        assert.equal(host.request(req, status), OK);
        host.run();
      }
      assert.equal(host.late, 0);
    },
  },
  {
    name: "one request over the limit is LIMIT, and each of the others ends once",
    cites: ["G4"],
    isSlow: true,
    run({ started }) {
      const host = started();
      for (let req = 1n; req <= MAX_REQUESTS; req++) assert.equal(host.exports.yuan_handle_request(req, 0, 0), OK);
      assert.equal(host.exports.yuan_handle_request(FOREVER, 0, 0), LIMIT);
      host.run();
      assert.equal(host.finished.size, MAX_REQUESTS);
      assert.equal(host.late, 0);
      serves(host);
    },
  },
  {
    name: "more than 256 MiB of requests that wait is LIMIT, and memory does not grow without bound",
    cites: ["G4"],
    isSlow: true,
    run({ started }) {
      const host = started();
      let accepted = 0;
      for (let req = 1n; req <= 40n; req++) {
        const ptr = host.exports.yuan_alloc(MAX_BUFFER);
        if (ptr === 0) break;
        const code = host.exports.yuan_handle_request(req, ptr, MAX_BUFFER);
        assert.ok(code === OK || code === LIMIT, `request ${req} returned ${code}`);
        if (code === OK) accepted += 1;
      }
      assert.equal(accepted, 16);
      assert.ok(host.memory.buffer.byteLength < 700 * MIB, `${host.memory.buffer.byteLength / MIB} MiB`);
      host.run();
      assert.equal(host.finished.size, accepted);
      serves(host);
    },
  },
  {
    name: "bytes that are no Request are answered MALFORMED, and unknown ones UNKNOWN_REQUEST",
    cites: ["G5"],
    run({ started }) {
      const host = started();
      const cases = [
        [[0x0a, 0xff], ErrorCode.MALFORMED],
        [[0x0a], ErrorCode.MALFORMED],
        [Array(11).fill(0xff), ErrorCode.MALFORMED],
        [[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], ErrorCode.MALFORMED],
        [[0xba, 0x3e, 0x02, 0x08, 0x01], ErrorCode.UNKNOWN_REQUEST],
        [[], ErrorCode.UNKNOWN_REQUEST],
      ];
      cases.forEach(([bytes, code], nth) => {
        assert.equal(host.request(BigInt(nth + 1), Buffer.from(bytes)), OK);
        host.run();
        assert.equal(codeOf(host, BigInt(nth + 1)), code, Buffer.from(bytes).toString("hex"));
      });
      serves(host);
    },
  },
  {
    name: "requests with flipped bits and cut-off ends are answered, each once",
    cites: ["G5", "G4"],
    run({ started }) {
      const host = started();
      const whole = Buffer.from(bytesOf({ case: "docCreate", value: { documentId: Buffer.alloc(16, 1), session: Buffer.alloc(16, 2), type: "note", content: { entries: [{ key: "title", value: { kind: { case: "string", value: "Hello" } } }] } } }));
      let req = 0n;
      for (let bit = 0; bit < whole.length * 8; bit++) {
        const flipped = Buffer.from(whole);
        flipped[bit >> 3] ^= 1 << (bit & 7);
        assert.equal(host.request(++req, flipped), OK);
      }
      for (let end = 0; end < whole.length; end++) assert.equal(host.request(++req, whole.subarray(0, end)), OK);
      host.run();
      // Some of the flips make another request of it, one that is answered more than once.
      for (let each = 1n; each <= req; each++) assert.ok(host.answers.get(each)?.length > 0, `request ${each} was not answered`);
      assert.equal(host.late, 0);
      serves(host);
    },
  },
  {
    name: "a completion of what is not pending, or of what has completed, is NOT_FOUND and has no effect",
    cites: ["G6"],
    run({ fresh }) {
      const host = fresh();
      assert.equal(host.init(), OK);
      host.run({ holdStorage: true });
      const [op] = host.pending.keys();
      assert.notEqual(op, undefined, "start-up reads storage");
      for (const unknown of [0n, -1n, op + 1_000n]) assert.equal(host.complete(unknown, OK), NOT_FOUND);
      assert.equal(host.complete(op, 1), INVALID, "a status is 0 or negative");
      assert.equal(host.complete(op, IO, Buffer.from([0xff])), OK, "with an OpError that is none");
      assert.equal(host.complete(op, OK), NOT_FOUND, "a second time");
      host.pending.delete(op);
      host.run();
      assert.notEqual(host.greeting?.error, undefined, "the failure of storage was not told");
      assert.equal(host.lastWords, undefined);
    },
  },
  {
    name: "results that contradict themselves are an error, not a trap",
    cites: ["G6", "G5"],
    run({ fresh }) {
      for (const [head, body] of [[[0xff], []], [[0x0a, 0x02, 0x0a, 0x00], []], [[0x0a, 0x05, 0x0a, 0x01, 0x41, 0x12, 0x01], [1]], [[], [1, 2, 3]], [[0x0a, 0x08, 0x0a, 0x01, 0x41, 0x12, 0x03, 0xff, 0xff, 0x7f], [1]]]) {
        const host = fresh();
        assert.equal(host.init(), OK);
        host.run({ holdStorage: true });
        const [op] = host.pending.keys();
        host.pending.delete(op);
        assert.equal(host.complete(op, OK, Buffer.from(head), Buffer.from(body)), OK);
        host.request(1n, status);
        host.run();
        assert.ok(host.finished.get(1n), "a request was left without an answer");
        assert.equal(host.lastWords, undefined, host.lastWords);
      }
    },
  },
  {
    name: "a cancel of an unknown request is NOT_FOUND, and a known one ends once, CANCELLED",
    cites: ["G6"],
    run({ started }) {
      const host = started();
      assert.equal(host.exports.yuan_cancel_request(5n), NOT_FOUND);
      host.request(1n, subscription);
      host.run();
      assert.equal(host.exports.yuan_cancel_request(1n), OK);
      assert.equal(host.exports.yuan_cancel_request(1n), OK, "in flight until its last answer");
      host.run();
      assert.equal(codeOf(host, 1n), ErrorCode.CANCELLED);
      assert.equal(host.exports.yuan_cancel_request(1n), NOT_FOUND);
      assert.equal(host.late, 0);
      serves(host);
    },
  },
  {
    name: "a stream that the guest does not serve is reset, and so is an overrun",
    cites: ["G7"],
    run({ started }) {
      const host = started();
      const { exports } = host;
      assert.equal(exports.yuan_stream_event(2, 6, 0n, 0, 0), OK);
      assert.equal(exports.yuan_stream_event(2, 6, 0n, 0, 0), INVALID, "open already");
      assert.equal(exports.yuan_stream_event(2, 2, 0n, ...host.give(Buffer.alloc(1_000))), OK, "DATA that nobody granted");
      assert.equal(exports.yuan_stream_event(3, 6, 0n, 0, 0), INVALID, "hosts pick even numbers");
      assert.equal(exports.yuan_stream_event(2, 7, 0n, 0, 0), INVALID, "no such kind");
      assert.equal(exports.yuan_stream_event(44, 2, 0n, 0, 0), NOT_FOUND, "no such stream");
      host.run();
      assert.deepEqual(host.closedStreams, [[2, RESET]]);
      assert.equal(exports.yuan_stream_event(2, 2, 0n, 0, 0), NOT_FOUND, "after its reset");
      serves(host);
    },
  },
];
