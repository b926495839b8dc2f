// Turns, requests, clocks, randomness, operations: H9 to H14, H16, H20.
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { Capability, HostHelloSchema } from "../../../../../pkg/dist/gen/dao/avatar/v1/abi_pb.js";
import { Refused, Status } from "../status.mjs";

const noBytes = new Uint8Array();

export const mutants = {
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
    fails: ["completes once, and later", "cancelled operation", "commands for keys complete"],
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
    fails: ["cancelled operation", "cancelled batch", "commands for keys complete"],
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
            const hello = fromBinary(HostHelloSchema, super.hello());
            hello.capabilities = hello.capabilities.filter((capability) => capability !== Capability.NET);
            return toBinary(HostHelloSchema, hello);
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
