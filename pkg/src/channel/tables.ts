/**
 * Messages of the contract, read and written by tables: the protobuf runtime's general reader would be a quarter of what a page has to load.
 *
 * @module
 */
import { Reader, tagOf, WireType, Writer, writeUint53 } from "./wire.js";

/** What a field holds; a table for a message inside. */
export type Kind = "string" | "bytes" | "bool" | "uint" | "sint" | Table;

/** Fields by their number: name, kind, and whether there are several. 64-bit numbers are read as JavaScript numbers. */
export interface Table {
  readonly [field: number]: readonly [name: string, kind: Kind, repeated?: true];
}

/** Reads a message. Fields that are absent have the default of proto3; messages inside that are absent are undefined. @throws RangeError */
export function read<T>(table: Table, bytes: Uint8Array): T {
  const reader = new Reader(bytes);
  const message: Record<string, unknown> = {};
  for (const [name, kind, repeated] of Object.values(table)) if (repeated || typeof kind === "string") message[name] = repeated ? [] : DEFAULTS[kind as keyof typeof DEFAULTS];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const field = table[tag >>> 3];
    if (field === undefined) {
      reader.skipTag(tag);
      continue;
    }
    const [name, kind, repeated] = field;
    const value = readKind(reader, kind);
    if (repeated) (message[name] as unknown[]).push(value);
    else message[name] = value;
  }
  return message as T;
}

const DEFAULTS = { string: "", bytes: new Uint8Array(), bool: false, uint: 0, sint: 0 };

function readKind(reader: Reader, kind: Kind): unknown {
  switch (kind) {
    case "string":
      return reader.string();
    case "bytes":
      return reader.bytes().slice();
    case "bool":
      return reader.bool();
    case "uint":
      return reader.uint53();
    case "sint":
      return reader.sint53();
    default:
      return read(kind, reader.bytes());
  }
}

/** A message to write, by field numbers. What is undefined, empty, zero or false is left out, as proto3 does. */
export interface Fields {
  readonly [field: number]: string | Uint8Array | boolean | number | Fields | readonly (string | Uint8Array | Fields)[] | undefined;
}

/** An encoded Request: the message `fields` as the case `number`. */
export function encodeRequest(number: number, fields: Fields = {}): Uint8Array {
  const writer = new Writer();
  writer.uint32(tagOf(number, WireType.LengthDelimited)).fork();
  write(writer, fields);
  return writer.join().finish();
}

function write(writer: Writer, fields: Fields): void {
  for (const [key, value] of Object.entries(fields)) {
    const field = Number(key);
    if (value === undefined || value === "" || value === 0 || value === false || (value instanceof Uint8Array && value.length === 0)) continue;
    if (value === true) writer.uint32(tagOf(field, WireType.Varint)).bool(true);
    else if (typeof value === "number") writeUint53(writer.uint32(tagOf(field, WireType.Varint)), value);
    else for (const each of Array.isArray(value) ? (value as readonly (string | Uint8Array | Fields)[]) : [value as string | Uint8Array | Fields]) writeDelimited(writer.uint32(tagOf(field, WireType.LengthDelimited)), each);
  }
}

function writeDelimited(writer: Writer, value: string | Uint8Array | Fields): void {
  if (typeof value === "string") writer.string(value);
  else if (value instanceof Uint8Array) writer.bytes(value);
  else {
    writer.fork();
    write(writer, value);
    writer.join();
  }
}
