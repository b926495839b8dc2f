// A host that does what no host may, over the plain WebAssembly API: it calls exports with whatever it is told to, and keeps what the guest says.
import { randomFillSync } from "node:crypto";
import { fromBinary } from "@bufbuild/protobuf";
import { GuestHelloSchema } from "../../../pkg/dist/gen/dao/avatar/v1/abi_pb.js";
import { ResponseSchema } from "../../../pkg/dist/gen/dao/avatar/v1/request_pb.js";
import { Status } from "../hosts/reference/status.mjs";
import { Store } from "../hosts/reference/store.mjs";

const FIN = 2;
/** More turns than any check needs: a guest that wants more hangs. */
const MAX_TURNS = 10_000;

/** One instance of a guest. Statuses are plain numbers. */
export class HostileHost {
  /** Accepted operations that are not completed yet: op → the batch. */
  pending = new Map();
  /** The answers to each request, decoded. */
  answers = new Map();
  finished = new Map();
  cancelled = [];
  closedStreams = [];
  /** What every import returns from calling `reenter`, if that is set. */
  reentered = [];
  /** Answers after a last answer: a breach of G4. */
  late = 0;
  nowUs = 0n;

  constructor(module, { store = new Store(), mutate = (exports) => exports } = {}) {
    this.store = store;
    const instance = new WebAssembly.Instance(module, { avatar_v1: this.#imports() });
    this.exports = mutate(instance.exports);
    this.memory = instance.exports.memory;
  }

  #imports() {
    const bytes = (ptr, len) => new Uint8Array(this.memory.buffer).slice(ptr >>> 0, (ptr >>> 0) + len);
    const inside = (run) => (...args) => {
      if (this.reenter) this.reentered.push(...this.reenter());
      return run(...args);
    };
    const functions = {
      avatar_log: () => undefined,
      avatar_panic: (ptr, len) => void (this.lastWords = Buffer.from(bytes(ptr, len)).toString("utf8")),
      avatar_clock_unix_us: () => 1_700_000_000_000_000n + this.nowUs,
      avatar_clock_monotonic_us: () => (this.nowUs += 1n),
      avatar_random: (ptr, len) => {
        randomFillSync(new Uint8Array(this.memory.buffer, ptr >>> 0, len));
        return Status.OK;
      },
      avatar_respond: (req, flags, headPtr, headLen) => {
        const head = bytes(headPtr, headLen);
        if (req === 0n) {
          this.greeting = fromBinary(GuestHelloSchema, head);
          return Status.OK;
        }
        if (this.finished.get(req)) {
          this.late += 1;
          return Status.NOT_FOUND;
        }
        this.answers.set(req, [...(this.answers.get(req) ?? []), fromBinary(ResponseSchema, head).response]);
        if (flags === FIN) this.finished.set(req, true);
        return Status.OK;
      },
      avatar_emit: () => Status.OK,
      avatar_storage: (op, headPtr, headLen, bodyPtr, bodyLen) => {
        this.pending.set(op, this.store.decode(bytes(headPtr, headLen), bytes(bodyPtr, bodyLen)));
        return Status.OK;
      },
      avatar_cancel: (op) => {
        this.cancelled.push(op);
        return Status.OK;
      },
      avatar_stream_close: (stream, how) => {
        this.closedStreams.push([stream, how]);
        return Status.OK;
      },
      ...Object.fromEntries(["avatar_net_request", "avatar_infer", "avatar_p2p", "avatar_keys", "avatar_stream_write", "avatar_stream_grant"].map((name) => [name, () => Status.UNSUPPORTED])),
    };
    return Object.fromEntries(Object.entries(functions).map(([name, run]) => [name, inside(run)]));
  }

  /** A buffer of the ledger with these bytes: `[ptr, len]`. */
  give(bytes) {
    if (bytes.length === 0) return [0, 0];
    const ptr = this.exports.yuan_alloc(bytes.length);
    if (ptr === 0) throw new Error(`no buffer of ${bytes.length} bytes`);
    new Uint8Array(this.memory.buffer).set(bytes, ptr >>> 0);
    return [ptr, bytes.length];
  }

  init(hello = new Uint8Array()) {
    return this.exports.yuan_init(...this.give(hello));
  }

  request(req, bytes) {
    this.answers.delete(req);
    this.finished.delete(req);
    return this.exports.yuan_handle_request(req, ...this.give(bytes));
  }

  complete(op, status, head = new Uint8Array(), body = new Uint8Array()) {
    return this.exports.yuan_complete(op, status, ...this.give(head), ...this.give(body));
  }

  /** Turns until the guest waits, completing its operations on the way unless `holdStorage` is set. What the last turn returned. */
  run({ holdStorage = false, budgetUs = 1_000 } = {}) {
    for (let turns = 0; turns < MAX_TURNS; turns++) {
      const next = this.exports.yuan_turn(budgetUs);
      if (!holdStorage && this.pending.size > 0) {
        for (const [op, batch] of this.pending) {
          this.pending.delete(op);
          const { head, body } = this.store.run(batch);
          this.complete(op, Status.OK, head, body);
        }
      } else if (next > 0n && next < 1_000_000n) {
        this.nowUs += next;
      } else if (next !== 0n) {
        return next;
      }
    }
    throw new Error("the guest has work without end");
  }

  /** Started, greeted, and waiting. */
  start(hello) {
    const status = this.init(hello);
    if (status !== Status.OK) throw new Error(`yuan_init returned ${status}`);
    this.run();
    return this;
  }
}
