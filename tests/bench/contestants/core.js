// The Meta Unit alone, under the smallest host there can be: what one request costs without worker, message and storage.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Capability, HostHelloSchema } from "../../../pkg/src/gen/dao/avatar/v1/abi_pb.ts";
import { RequestSchema, ResponseSchema } from "../../../pkg/src/gen/dao/avatar/v1/request_pb.ts";
import { StorageBatchSchema, StorageResultSchema } from "../../../pkg/src/gen/dao/avatar/v1/storage_pb.ts";
import { note } from "./workload.js";

const UNSUPPORTED = -3;
const FIN = 2;

/** An ordered map in memory, as avatar_storage wants it. Keys are compared as hex, which orders like the bytes. */
class MemoryStorage {
  #records = new Map();

  static #hex = (key) => Array.from(key, (byte) => byte.toString(16).padStart(2, "0")).join("");

  run(batch, body) {
    const reads = [];
    const found = [];
    let at = 0;
    for (const { op } of batch.ops) {
      switch (op.case) {
        case "put":
          this.#records.set(MemoryStorage.#hex(op.value.key), { key: op.value.key, value: body.slice(at, (at += op.value.valueLen)) });
          break;
        case "delete":
          this.#records.delete(MemoryStorage.#hex(op.value));
          break;
        case "deleteRange":
          for (const name of this.#names(op.value)) this.#records.delete(name);
          break;
        case "get":
        case "scan": {
          const all = op.case === "get" ? [MemoryStorage.#hex(op.value)].filter((name) => this.#records.has(name)) : this.#names(op.value.range);
          const names = op.case === "scan" && op.value.limit ? all.slice(0, op.value.limit) : all;
          const records = names.map((name) => this.#records.get(name));
          const withValues = op.case === "get" || !op.value.keysOnly;
          reads.push({ keys: records.map((record) => record.key), valueLens: withValues ? records.map((record) => record.value.length) : [], more: names.length < all.length });
          if (withValues) found.push(...records.map((record) => record.value));
          break;
        }
      }
    }
    return { result: toBinary(StorageResultSchema, create(StorageResultSchema, { reads })), body: new Uint8Array(found.flatMap((value) => [...value])) };
  }

  #names({ start, end }) {
    const from = MemoryStorage.#hex(start);
    const to = end.length ? MemoryStorage.#hex(end) : undefined;
    return [...this.#records.keys()].filter((name) => name >= from && (to === undefined || name < to)).sort();
  }
}

/** Runs one Meta Unit. Everything is synchronous but what `settle` says: there is no event loop to share. */
class SmallestHost {
  #exports;
  #storage = new MemoryStorage();
  #completions = [];
  #responses = new Map();
  #lastWords = "";
  /** Requests that ended; a counter, so that the measured loop does as little as possible. */
  finished = 0;
  keepResponses = true;

  static async start(module) {
    const host = new SmallestHost();
    const text = (pointer, length) => new TextDecoder().decode(host.#lent(pointer, length));
    const { exports } = await WebAssembly.instantiate(module, {
      avatar_v1: {
        avatar_log() {},
        avatar_panic: (pointer, length) => void (host.#lastWords = text(pointer, length)),
        avatar_clock_unix_us: () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)),
        avatar_clock_monotonic_us: () => BigInt(Math.round(performance.now() * 1000)),
        avatar_random: (pointer, length) => (crypto.getRandomValues(host.#lent(pointer, length)), 0),
        avatar_respond: (request, flags, pointer, length) => host.#respond(request, flags, pointer, length),
        avatar_emit: () => 0,
        avatar_storage: (op, headPointer, headLength, bodyPointer, bodyLength) => {
          const batch = fromBinary(StorageBatchSchema, host.#lent(headPointer, headLength).slice());
          host.#completions.push({ op, ...host.#storage.run(batch, host.#lent(bodyPointer, bodyLength)) });
          return 0;
        },
        avatar_net_request: () => UNSUPPORTED,
        avatar_infer: () => UNSUPPORTED,
        avatar_p2p: () => UNSUPPORTED,
        avatar_keys: () => UNSUPPORTED,
        avatar_cancel: () => 0,
        avatar_stream_write: () => UNSUPPORTED,
        avatar_stream_grant: () => UNSUPPORTED,
        avatar_stream_close: () => UNSUPPORTED,
      },
    });
    host.#exports = exports;
    const hello = toBinary(HostHelloSchema, create(HostHelloSchema, { abiMinor: 0, host: "bench", capabilities: [Capability.STORAGE], name: "bench" }));
    host.#taken(exports.yuan_init(...host.#give(hello)));
    host.settle();
    return host;
  }

  #lent(pointer, length) {
    return new Uint8Array(this.#exports.memory.buffer, pointer >>> 0, length >>> 0);
  }

  #give(bytes) {
    if (bytes.length === 0) return [0, 0];
    const pointer = this.#exports.yuan_alloc(bytes.length);
    if (pointer === 0) throw new Error("yuan_alloc gave nothing");
    this.#lent(pointer, bytes.length).set(bytes);
    return [pointer, bytes.length];
  }

  #taken(status) {
    if (status !== 0) throw new Error(`status ${status} ${this.#lastWords}`);
  }

  #respond(request, flags, pointer, length) {
    if (this.keepResponses && request !== 0n) {
      const response = fromBinary(ResponseSchema, this.#lent(pointer, length));
      this.#responses.set(request, [...(this.#responses.get(request) ?? []), response.response]);
    }
    if (flags & FIN) this.finished++;
    return 0;
  }

  /** Enqueues a request. */
  send(request, bytes) {
    this.#taken(this.#exports.yuan_handle_request(request, ...this.#give(bytes)));
  }

  turn() {
    return this.#exports.yuan_turn(1_000_000);
  }

  /** Turns and completes until nothing is left to do. */
  settle() {
    for (;;) {
      const next = this.turn();
      const completions = this.#completions.splice(0);
      for (const { op, result, body } of completions) this.#taken(this.#exports.yuan_complete(op, 0, ...this.#give(result), ...this.#give(body)));
      if (completions.length === 0 && next !== 0n) return;
    }
  }

  ask(request, message) {
    this.send(request, toBinary(RequestSchema, create(RequestSchema, { request: message })));
    this.settle();
    return this.#responses.get(request);
  }
}

const asValue = (value) =>
  Array.isArray(value) ? { kind: { case: "list", value: { items: value.map(asValue) } } } : { kind: { case: "string", value } };

/** Microseconds of one request from its bytes to its answer: the median of `rounds` runs of `count`. */
function microsecondsEach(host, message, { count, rounds }) {
  const bytes = toBinary(RequestSchema, create(RequestSchema, { request: message }));
  let request = 1_000_000n;
  host.keepResponses = false;
  const each = [];
  for (let round = 0; round < rounds; round++) {
    const before = host.finished;
    const start = performance.now();
    for (let n = 0; n < count; n++) {
      host.send(request++, bytes);
      // A storage-free read is answered in the turn that takes it up.
      while (host.finished - before <= n) host.turn();
    }
    each.push(((performance.now() - start) * 1000) / count);
  }
  host.keepResponses = true;
  return each.sort((a, b) => a - b)[Math.floor(rounds / 2)];
}

globalThis.contestant = {
  async smallReads({ count, rounds }) {
    const host = await SmallestHost.start(await WebAssembly.compileStreaming(fetch("/meta_unit.wasm")));
    const session = crypto.getRandomValues(new Uint8Array(16));
    for (let n = 0; n < 10; n++) {
      const entries = Object.entries(note(n)).map(([key, value]) => ({ key, value: asValue(value) }));
      const [answer] = host.ask(BigInt(n + 1), {
        case: "docCreate",
        value: { documentId: crypto.getRandomValues(new Uint8Array(16)), session, type: "note", content: { entries }, detached: true },
      });
      if (answer.case !== "docOpened") throw new Error(`create was answered by ${answer.case} ${JSON.stringify(answer.value)}`);
    }
    const query = { case: "queryRun", value: { query: { type: "note", limit: 1, select: ["title"] } } };
    const [rows] = host.ask(1_000n, query);
    if (rows.value.rows?.length !== 1) throw new Error(`the query was answered by ${rows.case}`);
    return {
      statusUs: microsecondsEach(host, { case: "statusGet", value: {} }, { count, rounds }),
      queryUs: microsecondsEach(host, query, { count, rounds }),
    };
  },
};
