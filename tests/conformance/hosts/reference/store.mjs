// Storage in memory: an ordered map with atomic batches (storage.proto).
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { StorageBatchSchema, StorageResultSchema } from "../../../../pkg/dist/gen/dao/avatar/v1/storage_pb.js";
import { MAX_BUFFER_BYTES } from "./boundary.mjs";
import { OpErrorCode, OpFailed, Refused, Status } from "./status.mjs";

const MAX_KEY_BYTES = 512;

/** A key as a string of one character a byte: compared like the bytes. */
const keyOf = (bytes) => Buffer.from(bytes).toString("latin1");
const bytesOf = (key) => Buffer.from(key, "latin1");

/** Outlives the instances that use it. */
export class Store {
  records = new Map();

  /** Reads a batch, or refuses it (H16). */
  decode(head, body) {
    let batch;
    try {
      batch = fromBinary(StorageBatchSchema, head);
    } catch {
      throw new Refused(Status.INVALID);
    }
    const require = (claim) => {
      if (!claim) throw new Refused(Status.INVALID);
    };
    const key = (bytes) => {
      require(bytes.length >= 1 && bytes.length <= MAX_KEY_BYTES);
      return keyOf(bytes);
    };
    // A scan goes on from the last key + 0x00, which is one byte longer than a key.
    const range = ({ start = [], end = [] } = {}) => {
      require(start.length <= MAX_KEY_BYTES + 1 && end.length <= MAX_KEY_BYTES + 1);
      return { start: keyOf(start), end: end.length === 0 ? undefined : keyOf(end) };
    };
    let at = 0;
    const ops = batch.ops.map(({ op }) => {
      switch (op.case) {
        case "put": {
          const value = body.subarray(at, (at += op.value.valueLen));
          return { kind: "put", key: key(op.value.key), value };
        }
        case "delete":
        case "get":
          return { kind: op.case, key: key(op.value) };
        case "deleteRange":
          return { kind: "deleteRange", range: range(op.value) };
        case "scan":
          return { kind: "scan", range: range(op.value.range), scan: op.value };
        default:
          throw new Refused(Status.INVALID);
      }
    });
    require(at === body.length);
    return ops;
  }

  /** Runs a batch: all of it, or nothing and an error (H15). Returns the head and the body of the completion. */
  run(ops) {
    const before = new Map(this.records);
    try {
      return this.encode(this.apply(ops));
    } catch (error) {
      this.rollBack(before);
      throw error;
    }
  }

  rollBack(before) {
    this.records = before;
  }

  apply(ops) {
    const reads = [];
    for (const { kind, key, value, range, scan } of ops) {
      if (kind === "put") this.records.set(key, value);
      if (kind === "delete") this.records.delete(key);
      if (kind === "deleteRange") for (const each of this.keys(range)) this.records.delete(each);
      if (kind === "get") reads.push({ entries: this.records.has(key) ? [[key, this.records.get(key)]] : [], more: false });
      if (kind === "scan") reads.push(this.scan(range, scan));
    }
    return reads;
  }

  keys({ start, end }) {
    return [...this.records.keys()].filter((key) => key >= start && (end === undefined || key < end)).sort();
  }

  scan(range, { limit, maxBytes, keysOnly }) {
    const entries = [];
    let bytes = 0;
    for (const key of this.keys(range)) {
      const value = this.records.get(key);
      const isFull = !keysOnly && entries.length > 0 && bytes + value.length > (maxBytes || MAX_BUFFER_BYTES);
      if (isFull || (limit > 0 && entries.length === limit)) return { entries, keysOnly, more: true };
      entries.push([key, value]);
      if (!keysOnly) bytes += value.length;
    }
    return { entries, keysOnly, more: false };
  }

  encode(reads) {
    const values = reads.flatMap(({ entries, keysOnly }) => (keysOnly ? [] : entries.map(([, value]) => value)));
    if (values.reduce((total, value) => total + value.length, 0) > MAX_BUFFER_BYTES) throw new OpFailed(Status.LIMIT, OpErrorCode.TOO_LARGE, "the batch reads more than one buffer holds");
    const result = create(StorageResultSchema, {
      reads: reads.map(({ entries, keysOnly, more }) => ({ keys: entries.map(([key]) => bytesOf(key)), valueLens: keysOnly ? [] : entries.map(([, value]) => value.length), more })),
    });
    return { head: toBinary(StorageResultSchema, result), body: Buffer.concat(values) };
  }
}
