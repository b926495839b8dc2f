/**
 * The file of the folder store: frames one after another, each an atomic batch with a checksum. A frame that was cut off by a crash is the last one, and never happened.
 *
 * A frame is: payload length (u32 LE), CRC-32 of the payload (u32 LE), payload. The payload is a sequence of records: kind (1 byte: 1 put, 2 delete, 3 delete range),
 * key length (u32 LE), value length (u32 LE), key, value. The value of a range is its end; an empty one is "to the last key".
 *
 * @module
 */
import * as zlib from "node:zlib";

/** What a batch changes. */
export type LogOp = { op: "put"; key: Uint8Array; value: Uint8Array } | { op: "delete"; key: Uint8Array } | { op: "deleteRange"; start: Uint8Array; end?: Uint8Array };

/** Eight bytes that begin every log, the last of them a version. */
export const LOG_MAGIC = new Uint8Array([0x61, 0x76, 0x61, 0x74, 0x61, 0x72, 0x4c, 0x01]);

const FRAME_HEADER_BYTES = 8;
const RECORD_HEADER_BYTES = 9;
const NOTHING = new Uint8Array();

/** The frame for one batch. */
export function encodeFrame(ops: readonly LogOp[]): Uint8Array {
  let length = 0;
  for (const op of ops) length += RECORD_HEADER_BYTES + keyOf(op).length + valueOf(op).length;
  const frame = new Uint8Array(FRAME_HEADER_BYTES + length);
  const view = new DataView(frame.buffer);
  let at = FRAME_HEADER_BYTES;
  for (const op of ops) {
    const key = keyOf(op);
    const value = valueOf(op);
    frame[at] = op.op === "put" ? 1 : op.op === "delete" ? 2 : 3;
    view.setUint32(at + 1, key.length, true);
    view.setUint32(at + 5, value.length, true);
    frame.set(key, at + RECORD_HEADER_BYTES);
    frame.set(value, at + RECORD_HEADER_BYTES + key.length);
    at += RECORD_HEADER_BYTES + key.length + value.length;
  }
  view.setUint32(0, length, true);
  view.setUint32(4, crc32(frame.subarray(FRAME_HEADER_BYTES)), true);
  return frame;
}

function keyOf(op: LogOp): Uint8Array {
  return op.op === "deleteRange" ? op.start : op.key;
}

function valueOf(op: LogOp): Uint8Array {
  return op.op === "put" ? op.value : op.op === "deleteRange" ? (op.end ?? NOTHING) : NOTHING;
}

/** Bytes in front of a frame's payload. */
export const FRAME_HEADER = FRAME_HEADER_BYTES;

/** The length and checksum that a frame's header claims. */
export function readFrameHeader(header: Uint8Array): { length: number; crc: number } {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  return { length: view.getUint32(0, true), crc: view.getUint32(4, true) };
}

/** A change of one key, with the place of its value inside the payload. */
export type LoggedOp = { op: "put"; key: Uint8Array; valueAt: number; valueLength: number } | { op: "delete"; key: Uint8Array } | { op: "deleteRange"; start: Uint8Array; end?: Uint8Array };

/** The records of a payload; undefined when it does not consist of whole ones. */
export function readPayload(payload: Uint8Array): LoggedOp[] | undefined {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const ops: LoggedOp[] = [];
  for (let at = 0; at < payload.length; ) {
    if (at + RECORD_HEADER_BYTES > payload.length) return undefined;
    const keyLength = view.getUint32(at + 1, true);
    const valueLength = view.getUint32(at + 5, true);
    const valueAt = at + RECORD_HEADER_BYTES + keyLength;
    if (valueAt + valueLength > payload.length) return undefined;
    const key = payload.slice(at + RECORD_HEADER_BYTES, valueAt);
    if (payload[at] === 1) ops.push({ op: "put", key, valueAt, valueLength });
    else if (payload[at] === 2) ops.push({ op: "delete", key });
    else if (payload[at] === 3) ops.push(valueLength === 0 ? { op: "deleteRange", start: key } : { op: "deleteRange", start: key, end: payload.slice(valueAt, valueAt + valueLength) });
    else return undefined;
    at = valueAt + valueLength;
  }
  return ops;
}

/** The checksum of frames. Node has a fast CRC-32 since 20.15; before, a table. */
export const crc32: (bytes: Uint8Array) => number = typeof zlib.crc32 === "function" ? (bytes) => zlib.crc32(bytes) : tableCrc32;

let table: Uint32Array | undefined;

function makeTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    return c >>> 0;
  });
}

function tableCrc32(bytes: Uint8Array): number {
  table ??= makeTable();
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ (table[(crc ^ (bytes[i] as number)) & 255] as number);
  return (crc ^ 0xffffffff) >>> 0;
}
