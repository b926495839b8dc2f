/**
 * Rows of the index, read by hand: thousands of them make a list.
 *
 * @module
 */
import type { DocValue, QueryRow } from "../api.js";
import { Reader } from "../channel/wire.js";
import { readValue } from "../docs/codec.js";
import { setOwn, snapshotOf, type Node } from "../docs/nodes.js";
import { idToString } from "../ids.js";

/** A row as applications get it. */
export type Row = QueryRow<Record<string, DocValue>>;

/** A page of rows. */
export interface RowsPage {
  rows: Row[];
  total: number;
  last: boolean;
}

/** A step from one result to the next. */
export interface Delta {
  splices: { index: number; delete: number; insert: Row[] }[];
  total: number;
}

/** Reads a QueryRows. */
export function readRows(bytes: Uint8Array): RowsPage {
  const reader = new Reader(bytes);
  const page: RowsPage = { rows: [], total: 0, last: false };
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) page.rows.push(readRow(reader, reader.end()));
    else if (tag >>> 3 === 2) page.total = reader.uint32();
    else if (tag >>> 3 === 3) page.last = reader.bool();
    else reader.skipTag(tag);
  }
  return page;
}

/** Reads a QueryDelta. */
export function readDelta(bytes: Uint8Array): Delta {
  const reader = new Reader(bytes);
  const delta: Delta = { splices: [], total: 0 };
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) delta.splices.push(readSplice(reader, reader.end()));
    else if (tag >>> 3 === 2) delta.total = reader.uint32();
    else reader.skipTag(tag);
  }
  return delta;
}

function readSplice(reader: Reader, end: number): Delta["splices"][number] {
  const splice: Delta["splices"][number] = { index: 0, delete: 0, insert: [] };
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) splice.index = reader.uint32();
    else if (tag >>> 3 === 2) splice.delete = reader.uint32();
    else if (tag >>> 3 === 3) splice.insert.push(readRow(reader, reader.end()));
    else reader.skipTag(tag);
  }
  return splice;
}

function readRow(reader: Reader, end: number): Row {
  let id = "";
  let type = "";
  let createdMs = 0;
  let updatedMs = 0;
  const value: { [key: string]: DocValue } = {};
  let cut: string[] | undefined;
  while (reader.pos < end) {
    const tag = reader.uint32();
    switch (tag >>> 3) {
      case 1:
        id = idToString(reader.bytes());
        break;
      case 2:
        type = reader.string();
        break;
      case 3:
        createdMs = reader.sint53();
        break;
      case 4:
        updatedMs = reader.sint53();
        break;
      case 5:
        readField(reader, reader.end(), value);
        break;
      case 6:
        (cut ??= []).push(reader.string());
        break;
      default:
        reader.skipTag(tag);
    }
  }
  return Object.freeze({ id, type, createdAt: new Date(createdMs), updatedAt: new Date(updatedMs), value: Object.freeze(value), cut: cut === undefined ? NO_CUT : Object.freeze(cut) });
}

const NO_CUT: readonly string[] = Object.freeze([]);

function readField(reader: Reader, end: number, value: { [key: string]: DocValue }): void {
  let key = "";
  let field: DocValue = null;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) key = reader.string();
    else if (tag >>> 3 === 2) field = readPlain(reader, reader.end());
    else reader.skipTag(tag);
  }
  setOwn(value, key, field);
}

/** The Value that ends at `end`, as the application gets it. The commonest kinds need no node in between. */
function readPlain(reader: Reader, end: number): DocValue {
  const start = reader.pos;
  // A Value without a kind.
  if (start === end) return null;
  let plain: DocValue;
  switch (reader.uint32() >>> 3) {
    case 2:
      plain = reader.bool();
      break;
    case 3:
      plain = reader.sint53();
      break;
    case 4:
      plain = reader.double();
      break;
    case 5:
      plain = reader.string();
      break;
    case 8:
      plain = readPlainList(reader, reader.end());
      break;
    default:
      plain = null;
      reader.pos = start;
  }
  return reader.pos === end ? plain : snapshotOf(readAnew(reader, start, end));
}

/** What is rarer, or has more in it than one field. */
function readAnew(reader: Reader, start: number, end: number): Node {
  reader.pos = start;
  return readValue(reader, end);
}

function readPlainList(reader: Reader, end: number): readonly DocValue[] {
  const items: DocValue[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) items.push(readPlain(reader, reader.end()));
    else reader.skipTag(tag);
  }
  return Object.freeze(items);
}
