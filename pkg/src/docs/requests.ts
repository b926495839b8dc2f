/**
 * Requests beside those that create and change documents (`request.proto`), by hand.
 *
 * @module
 */
import { tagOf, WireType, Writer } from "../channel/wire.js";

const BYTES = WireType.LengthDelimited;
const VARINT = WireType.Varint;

/** Field numbers of the cases of Response. */
export const Answer = {
  done: 2,
  docOpened: 3,
  snapshotPage: 4,
  docEvent: 5,
  docChanged: 6,
  docHistory: 7,
  queryRows: 10,
  queryDelta: 11,
  status: 20,
} as const;

/** A Request: the message at `field`, written by `write`. */
function request(field: number, write: (writer: Writer) => void = () => undefined): Uint8Array {
  const writer = new Writer();
  writer.uint32(tagOf(field, BYTES)).fork();
  write(writer);
  return writer.join().finish();
}

function writeUint(writer: Writer, field: number, value: number): void {
  if (value !== 0) writer.uint32(tagOf(field, VARINT)).uint32(value);
}

/** DocOpen. */
export const encodeOpen = (documentId: Uint8Array, session: Uint8Array): Uint8Array =>
  request(2, (writer) => writer.uint32(tagOf(1, BYTES)).bytes(documentId).uint32(tagOf(2, BYTES)).bytes(session));

/** DocDelete. */
export const encodeDelete = (documentId: Uint8Array): Uint8Array => request(4, (writer) => writer.uint32(tagOf(1, BYTES)).bytes(documentId));

/** DocHistory. */
export const encodeHistory = (documentId: Uint8Array, limit: number, offset: number): Uint8Array =>
  request(5, (writer) => {
    writer.uint32(tagOf(1, BYTES)).bytes(documentId);
    writeUint(writer, 2, limit);
    writeUint(writer, 3, offset);
  });

/** DocAt. */
export const encodeAt = (documentId: Uint8Array, heads: readonly Uint8Array[]): Uint8Array =>
  request(6, (writer) => {
    writer.uint32(tagOf(1, BYTES)).bytes(documentId);
    for (const head of heads) writer.uint32(tagOf(2, BYTES)).bytes(head);
  });

/** QueryRun or QuerySubscribe; `query` is an encoded Query. */
export const encodeQuery = (how: "run" | "subscribe", query: Uint8Array): Uint8Array => request(how === "run" ? 10 : 11, (writer) => writer.uint32(tagOf(1, BYTES)).bytes(query));

/** StatusGet. */
export const encodeStatusGet = (): Uint8Array => request(20);

/** TestTrap. */
export const encodeTestTrap = (): Uint8Array => request(1000);
