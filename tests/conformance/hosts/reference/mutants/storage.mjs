// Storage batches: H15.
import { fromBinary } from "@bufbuild/protobuf";
import { StorageBatchSchema } from "../../../../../pkg/dist/gen/dao/avatar/v1/storage_pb.js";

export const mutants = {
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
};
