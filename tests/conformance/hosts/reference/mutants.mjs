// Hosts that break one MUST each, made from the reference host by changing one of its classes. The kit has to notice, by the checks that cite the MUST and by no other:
// `fails` lists those checks by words of their names; without it they are all that cite the MUST.
import { fromBinary } from "@bufbuild/protobuf";
import { StorageBatchSchema } from "../../../../pkg/dist/gen/dao/avatar/v1/storage_pb.js";
import { Refused, Status } from "./status.mjs";

const noBytes = new Uint8Array();

export const MUTANTS = {
  "writes a byte behind each buffer": {
    must: "H1",
    fails: ["stays inside", "has no buffer"],
    parts: {
      Boundary: (Base) =>
        class extends Base {
          write(ptr, bytes) {
            super.write(ptr, bytes);
            this.memory()[ptr + bytes.length] = 0;
          }
        },
    },
  },
  "reads a byte too many of one size of answer": {
    must: "H1",
    fails: ["of every size arrive"],
    parts: {
      Boundary: (Base) =>
        class extends Base {
          calls() {
            const calls = super.calls();
            const longer = (len) => (len === 65_537 ? len + 1 : len);
            return { ...calls, avatar_respond: (req, flags, head, headLen, body, bodyLen) => calls.avatar_respond(req, flags, head, headLen, body, longer(bodyLen)) };
          }
        },
    },
  },
  "dies of a pointer that lies": {
    must: "H1",
    fails: ["harms only itself"],
    parts: {
      Host: (Base) =>
        class extends Base {
          crashed(error) {
            if (error instanceof RangeError && !/stack/.test(error.message)) throw error;
            super.crashed(error);
          }
        },
    },
  },
  "writes where there is no buffer": {
    must: "H1",
    fails: ["has no buffer"],
    parts: {
      Boundary: (Base) =>
        class extends Base {
          give(bytes) {
            return super.give(bytes) ?? 0;
          }
        },
    },
  },
  "looks at the memory before yuan_alloc": {
    must: "H2",
    fails: ["inside yuan_alloc"],
    parts: {
      Boundary: (Base) =>
        class extends Base {
          memory() {
            return this.stale ?? super.memory();
          }
          init(hello) {
            const status = super.init(hello);
            this.isUp = true;
            return status;
          }
          give(bytes) {
            if (this.isUp) this.stale = super.memory();
            try {
              return super.give(bytes);
            } finally {
              this.stale = undefined;
            }
          }
        },
    },
  },
  "looks at the memory before yuan_turn": {
    must: "H2",
    fails: ["grows in a turn"],
    parts: {
      Boundary: (Base) =>
        class extends Base {
          memory() {
            return this.stale ?? super.memory();
          }
          turn(budgetUs) {
            this.stale = super.memory();
            try {
              return super.turn(budgetUs);
            } finally {
              this.stale = undefined;
            }
          }
        },
    },
  },
  "looks at lent buffers later": {
    must: "H3",
    parts: {
      Boundary: (Base) =>
        class extends Base {
          copy(lent) {
            return lent;
          }
        },
      Host: (Base) =>
        class extends Base {
          deliver(...answer) {
            setImmediate(() => super.deliver(...answer));
          }
        },
    },
  },
  "takes what there is of a lent buffer": {
    must: "H4",
    parts: {
      Boundary: (Base) =>
        class extends Base {
          lent(ptr, len) {
            const memory = this.memory();
            return super.lent(Math.min(ptr >>> 0, memory.length), Math.min(len >>> 0, Math.max(0, memory.length - (ptr >>> 0))));
          }
        },
    },
  },
  "writes into a buffer that it gave away": {
    must: "H5",
    parts: {
      Boundary: (Base) =>
        class extends Base {
          write(ptr, bytes) {
            super.write(ptr, bytes);
            this.given = ptr;
          }
          turn(budgetUs) {
            if (this.given) this.memory()[this.given] = 0;
            this.given = undefined;
            return super.turn(budgetUs);
          }
        },
    },
  },
  "does not read avatar:abi": {
    must: "H6",
    parts: {
      Boundary: (Base) =>
        class extends Base {
          static check() {}
        },
    },
  },
  "answers one of those that were in flight": {
    must: "H7",
    fails: ["yuan_turn ends", "yuan_alloc does", "yuan_handle_request does", "yuan_complete does", "used up", "never called again"],
    parts: {
      Host: (Base) =>
        class extends Base {
          crashed(error) {
            this.requests = new Map([...this.requests].slice(0, 1));
            super.crashed(error);
          }
        },
    },
  },
  "starts anew with empty storage": {
    must: "H7",
    fails: ["is there after a trap"],
    parts: {
      Host: (Base) =>
        class extends Base {
          drop() {
            super.drop();
            this.store = new this.parts.Store();
          }
        },
    },
  },
  "calls an instance that has trapped": {
    must: "H7",
    fails: ["never called again"],
    parts: {
      Host: (Base) =>
        class extends Base {
          drop() {
            const { boundary } = this.instance;
            super.drop();
            setImmediate(() => {
              try {
                boundary.turn(0);
              } catch {
                // It traps again, or not: it had no business to be called.
              }
            });
          }
        },
    },
  },
  "throws at text that is no UTF-8": {
    must: "H7",
    fails: ["no exception out of an import"],
    parts: {
      Boundary: (Base) =>
        class extends Base {
          imports() {
            const log = (ptr, len) => {
              let bytes;
              try {
                bytes = this.take(ptr, len);
              } catch {
                return;
              }
              new TextDecoder("utf-8", { fatal: true }).decode(bytes);
            };
            return { ...super.imports(), avatar_log: (level, ptr, len) => log(ptr, len), avatar_panic: log };
          }
        },
    },
  },
  "forgets what has crashed it": {
    must: "H8",
    fails: ["quarantined"],
    parts: {
      Host: (Base) =>
        class extends Base {
          isQuarantined() {
            return false;
          }
        },
    },
  },
  "starts again for ever": {
    must: "H8",
    fails: ["crash loop"],
    parts: {
      Host: (Base) =>
        class extends Base {
          isLoop() {
            return false;
          }
        },
    },
  },
  "starts again without a pause": {
    must: "H8",
    fails: ["crash loop"],
    parts: {
      Host: (Base) =>
        class extends Base {
          pauseMs() {
            return 0;
          }
        },
    },
  },
  "waits for something else after 300 turns": {
    must: "H9",
    fails: ["more work"],
    parts: {
      Host: (Base) =>
        class extends Base {
          afterTurn(next) {
            this.busyTurns = next === 0 ? ((this.busyTurns ?? 0) + 1) % 300 : 1;
            if (this.busyTurns > 0) super.afterTurn(next);
          }
        },
    },
  },
  "loses a timer that is not soon": {
    must: "H9",
    fails: ["waits for its timer"],
    parts: {
      Host: (Base) =>
        class extends Base {
          schedule(delayMs) {
            if (delayMs < 140) super.schedule(delayMs);
          }
        },
    },
  },
  "asks a waiting guest again and again": {
    must: "H9",
    fails: ["waits for its timer"],
    parts: {
      Host: (Base) =>
        class extends Base {
          schedule() {
            super.schedule(0);
          }
        },
    },
  },
  "turns until the guest has nothing to do": {
    must: "H9",
    fails: ["without end"],
    parts: {
      Host: (Base) =>
        class extends Base {
          work(instance) {
            let next = super.work(instance);
            while (next === 0) next = instance.boundary.turn(8_000);
            return next;
          }
        },
    },
  },
  "has six request numbers": {
    must: "H10",
    parts: {
      Host: (Base) =>
        class extends Base {
          nextReq() {
            return (super.nextReq() % 6n) + 1n;
          }
        },
    },
  },
  "delivers the last answer but one first": {
    must: "H11",
    fails: ["in the order"],
    parts: {
      Host: (Base) =>
        class extends Base {
          held = new Map();
          deliver(request, more, head, body) {
            const held = this.held.get(request) ?? [];
            if (more) return void this.held.set(request, [[request, more, head, body], ...held]);
            this.held.delete(request);
            for (const answer of held) super.deliver(...answer);
            super.deliver(request, more, head, body);
          }
        },
    },
  },
  "takes answers to nobody": {
    must: "H11",
    fails: ["after the last answer"],
    parts: {
      Host: (Base) =>
        class extends Base {
          respond(req, ...answer) {
            return this.requests.has(req) || req === 0n ? super.respond(req, ...answer) : Status.OK;
          }
        },
    },
  },
  "has a clock that jitters": {
    must: "H12",
    fails: ["does not go back"],
    parts: {
      Boundary: (Base) =>
        class extends Base {
          asked = 0;
          monotonicUs() {
            return super.monotonicUs() - (++this.asked % 1_500 === 0 ? 50n : 0n);
          }
        },
    },
  },
  "counts milliseconds": {
    must: "H12",
    fails: ["count microseconds"],
    parts: {
      Boundary: (Base) =>
        class extends Base {
          imports() {
            return { ...super.imports(), avatar_clock_unix_us: () => BigInt(Date.now()) };
          }
        },
    },
  },
  "fills the first 65,536 bytes": {
    must: "H13",
    fails: ["65537 random", "1000000 random"],
    parts: {
      Boundary: (Base) =>
        class extends Base {
          random(bytes) {
            super.random(bytes.subarray(0, 65_536));
          }
        },
    },
  },
  "fills all but the last byte": {
    must: "H13",
    fails: ["1 random", "65535 random", "65536 random", "65537 random", "1000000 random"],
    parts: {
      Boundary: (Base) =>
        class extends Base {
          random(bytes) {
            super.random(bytes.subarray(0, -1));
          }
        },
    },
  },
  "refuses to fill nothing": {
    must: "H13",
    fails: ["0 random bytes"],
    parts: {
      Boundary: (Base) =>
        class extends Base {
          random(bytes) {
            if (bytes.length === 0) throw new Refused(Status.INVALID);
            super.random(bytes);
          }
        },
    },
  },
  "completes twice": {
    must: "H14",
    fails: ["completes once, and later", "cancelled operation"],
    parts: {
      Operations: (Base) =>
        class extends Base {
          tell(event) {
            super.tell(event);
            if (event.stream === undefined) super.tell(event);
          }
        },
    },
  },
  "completes inside the call, and once more": {
    must: "H14",
    fails: ["completes once, and later", "cancelled operation"],
    parts: {
      Boundary: (Base) =>
        class extends Base {
          calls() {
            const calls = super.calls();
            return {
              ...calls,
              avatar_storage: (op, ...buffers) => {
                calls.avatar_storage(op, ...buffers);
                this.complete(op, Status.OK, noBytes, noBytes);
              },
            };
          }
        },
    },
  },
  "says nothing about what was cancelled": {
    must: "H14",
    fails: ["cancelled operation", "cancelled batch"],
    parts: {
      Operations: (Base) =>
        class extends Base {
          cancel(op) {
            super.cancel(op);
            this.events = [];
          }
        },
    },
  },
  "keeps what a failed batch did": {
    must: "H15",
    fails: ["that fails"],
    parts: {
      Store: (Base) =>
        class extends Base {
          rollBack() {}
        },
    },
  },
  "applies a batch up to its first mistake": {
    must: "H15",
    fails: ["one invalid operation"],
    parts: {
      Store: (Base) =>
        class extends Base {
          decode(head, body) {
            try {
              return super.decode(head, body);
            } catch (refused) {
              let batch;
              try {
                batch = fromBinary(StorageBatchSchema, head);
              } catch {
                throw refused;
              }
              const [first] = batch.ops;
              if (first?.op.case === "put") this.records.set(Buffer.from(first.op.value.key).toString("latin1"), body.subarray(0, first.op.value.valueLen));
              throw refused;
            }
          }
        },
    },
  },
  "applies half of a batch that is cancelled": {
    must: "H15",
    fails: ["cancelled batch"],
    parts: {
      Operations: (Base) =>
        class extends Base {
          storage(op, head, body) {
            super.storage(op, head, body);
            this.lastBatch = this.store.decode(head, body);
          }
          cancel(op) {
            this.store.run(this.lastBatch.slice(0, 1));
            super.cancel(op);
          }
        },
    },
  },
  "takes the newest batch first": {
    must: "H15",
    fails: ["in the order of their acceptance"],
    parts: {
      Operations: (Base) =>
        class extends Base {
          runNext(batches) {
            if (batches.length > 0) batches.unshift(batches.pop());
            super.runNext(batches);
          }
        },
    },
  },
  "reads before it writes": {
    must: "H15",
    fails: ["reads see the writes", "ranges have"],
    parts: {
      Store: (Base) =>
        class extends Base {
          apply(ops) {
            const isRead = ({ kind }) => kind === "get" || kind === "scan";
            const reads = super.apply(ops.filter(isRead));
            super.apply(ops.filter((op) => !isRead(op)));
            return reads;
          }
        },
    },
  },
  "takes the end of a range for a part of it": {
    must: "H15",
    fails: ["ranges have"],
    parts: {
      Store: (Base) =>
        class extends Base {
          keys({ start, end }) {
            const keys = super.keys({ start, end });
            return end !== undefined && end >= start && this.records.has(end) ? [...keys, end] : keys;
          }
        },
    },
  },
  "does not say that there is more": {
    must: "H15",
    fails: ["scans stop"],
    parts: {
      Store: (Base) =>
        class extends Base {
          scan(...range) {
            return { ...super.scan(...range), more: false };
          }
        },
    },
  },
  "cuts large values off": {
    must: "H15",
    fails: ["values of every size"],
    parts: {
      Store: (Base) =>
        class extends Base {
          decode(head, body) {
            return super.decode(head, body).map((op) => (op.kind === "put" ? { ...op, value: op.value.subarray(0, 999_999) } : op));
          }
        },
    },
  },
  "takes any number of operations": {
    must: "H16",
    fails: ["one operation over the limit"],
    parts: {
      Operations: (Base) =>
        class extends Base {
          maxOps() {
            return Number.POSITIVE_INFINITY;
          }
        },
    },
  },
  "takes a malformed batch for an empty one": {
    must: "H16",
    fails: ["malformed batches", "one invalid operation"],
    parts: {
      Store: (Base) =>
        class extends Base {
          decode(head, body) {
            try {
              return super.decode(head, body);
            } catch {
              return [];
            }
          }
        },
    },
  },
  "takes buffers of any size": {
    must: "H16",
    fails: ["a buffer over the limit"],
    parts: {
      Boundary: (Base) =>
        class extends Base {
          lent(ptr, len) {
            const memory = this.memory();
            const [start, end] = [ptr >>> 0, (ptr >>> 0) + (len >>> 0)];
            return end <= memory.length ? memory.subarray(start, end) : super.lent(ptr, len);
          }
        },
    },
  },
  "makes requests, and says that it does not": {
    must: "H16",
    fails: ["not in the Hello"],
    parts: {
      Host: (Base) =>
        class extends Base {
          hello() {
            // HostHello.capabilities, packed: STORAGE and NET become STORAGE alone.
            const hello = Buffer.from(super.hello());
            const at = hello.indexOf(Buffer.from([0x1a, 2, 1, 2]));
            return Buffer.concat([hello.subarray(0, at), Buffer.from([0x1a, 1, 1]), hello.subarray(at + 4)]);
          }
        },
    },
  },
  "asks loopback unasked": {
    must: "H17",
    fails: ["what the rules forbid"],
    parts: {
      Net: (Base) =>
        class extends Base {
          constructor() {
            super({ loopbackHttp: true });
          }
        },
    },
  },
  "sends every header": {
    must: "H17",
    fails: ["no cookies"],
    parts: {
      Net: (Base) =>
        class extends Base {
          headers({ headers }) {
            return Object.fromEntries(headers.map(({ name, value }) => [name, value]));
          }
        },
    },
  },
  "waits for responses of any size, for any time": {
    must: "H17",
    fails: ["too large or too late"],
    parts: {
      Net: (Base) =>
        class extends Base {
          decode(head) {
            return { ...super.decode(head), timeoutMs: 60_000, maxResponseBytes: 2n ** 40n };
          }
        },
    },
  },
  "sends more than was granted": {
    must: "H18",
    parts: {
      Net: (Base) =>
        class extends Base {
          exchange(...request) {
            const exchange = super.exchange(...request);
            exchange.allowed = (wanted) => wanted;
            return exchange;
          }
        },
    },
  },
  "goes on after a reset": {
    must: "H19",
    fails: ["after a reset"],
    parts: {
      Operations: (Base) =>
        class extends Base {
          streamClose(stream) {
            this.stream(stream);
          }
        },
    },
  },
  "has one more byte after FIN": {
    must: "H19",
    fails: ["after FIN"],
    parts: {
      Operations: (Base) =>
        class extends Base {
          streamEvent(stream, kind, arg, data) {
            super.streamEvent(stream, kind, arg, data);
            if (kind === this.net.FIN) this.tell((boundary) => boundary.streamEvent(stream, this.net.DATA, 0n, Buffer.from([1])));
          }
        },
    },
  },
  "says yes to what it lacks": {
    must: "H20",
    parts: {
      Boundary: (Base) =>
        class extends Base {
          unsupported() {
            return Status.OK;
          }
        },
    },
  },
};
