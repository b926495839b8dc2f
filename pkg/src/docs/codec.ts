/**
 * Values, edits and document messages on the wire (`value.proto`, `docs.proto`), by hand: typing, rows and snapshots pass here.
 * The tests compare with the generated code.
 *
 * @module
 */
import { Reader, tagOf, WireType, writeSint53, writeUint53, Writer } from "../channel/wire.js";
import type { Edit, Path } from "./edits.js";
import { BytesNode, CounterNode, DateNode, ListNode, MapNode, type Node } from "./nodes.js";
import { Text } from "./text.js";
import { TextRun } from "./text_run.js";

const VARINT = WireType.Varint;
const BYTES = WireType.LengthDelimited;

/* Writing ------------------------------------------------------------------------------------------------------------------------------------------------------- */

/** Writes the fields of a Value. */
export function writeValue(writer: Writer, node: Node): void {
  if (node === null) {
    writer.uint32(tagOf(1, VARINT)).bool(true);
  } else if (typeof node === "boolean") {
    writer.uint32(tagOf(2, VARINT)).bool(node);
  } else if (typeof node === "number") {
    if (Number.isSafeInteger(node) && !Object.is(node, -0)) {
      writer.uint32(tagOf(3, VARINT));
      writeSint53(writer, node);
    } else {
      writer.uint32(tagOf(4, WireType.Bit64)).double(node);
    }
  } else if (node instanceof Text) {
    writer.uint32(tagOf(5, BYTES)).string(node.toString());
  } else if (node instanceof BytesNode) {
    writer.uint32(tagOf(6, BYTES)).bytes(node.bytes);
  } else if (node instanceof DateNode) {
    writer.uint32(tagOf(7, VARINT));
    writeSint53(writer, node.ms);
  } else if (node instanceof ListNode) {
    writer.uint32(tagOf(8, BYTES)).fork();
    writeList(writer, node.items);
    writer.join();
  } else if (node instanceof CounterNode) {
    writer.uint32(tagOf(10, VARINT));
    writeSint53(writer, node.value);
  } else {
    writer.uint32(tagOf(9, BYTES)).fork();
    writeMap(writer, node);
    writer.join();
  }
}

/** Writes the fields of a MapValue. */
export function writeMap(writer: Writer, map: MapNode): void {
  for (const [key, node] of map.entries) {
    writer.uint32(tagOf(1, BYTES)).fork();
    writer.uint32(tagOf(1, BYTES)).string(key);
    writer.uint32(tagOf(2, BYTES)).fork();
    writeValue(writer, node);
    writer.join().join();
  }
}

function writeList(writer: Writer, items: readonly Node[]): void {
  for (const item of items) {
    writer.uint32(tagOf(1, BYTES)).fork();
    writeValue(writer, item);
    writer.join();
  }
}

/** Writes a path as field 1, `repeated PathStep path`, of the message at hand. */
function writePath(writer: Writer, path: Path): void {
  for (const step of path) {
    writer.uint32(tagOf(1, BYTES)).fork();
    if (typeof step === "string") writer.uint32(tagOf(1, BYTES)).string(step);
    else writer.uint32(tagOf(2, VARINT)).uint32(step);
    writer.join();
  }
}

/** Writes the fields of an Edit. */
export function writeEdit(writer: Writer, edit: Edit): void {
  writePath(writer, edit.path);
  switch (edit.op) {
    case "put":
      writer.uint32(tagOf(2, BYTES)).fork();
      writeValue(writer, edit.value);
      writer.join();
      break;
    case "delete":
      writer.uint32(tagOf(3, VARINT)).uint32(edit.count);
      break;
    case "insert":
      writer.uint32(tagOf(4, BYTES)).fork();
      writeList(writer, edit.values);
      writer.join();
      break;
    case "splice":
      writer.uint32(tagOf(5, BYTES)).fork();
      if (edit.index !== 0) writer.uint32(tagOf(1, VARINT)).uint32(edit.index);
      if (edit.delete !== 0) writer.uint32(tagOf(2, VARINT)).uint32(edit.delete);
      if (edit.insert !== "") writer.uint32(tagOf(3, BYTES)).string(edit.insert);
      writer.join();
      break;
    case "increment":
      writer.uint32(tagOf(6, VARINT));
      writeSint53(writer, edit.by);
      break;
  }
}

/** Writes the fields of a TextRun. */
export function writeRun(writer: Writer, run: TextRun): void {
  writePath(writer, run.path);
  writeColumn(writer, 2, run.indexes);
  writeColumn(writer, 3, run.deletes);
  writeColumn(writer, 4, run.insertLens);
  if (run.inserted !== "") writer.uint32(tagOf(5, BYTES)).string(run.inserted);
}

function writeColumn(writer: Writer, field: number, numbers: readonly number[]): void {
  if (numbers.length === 0) return;
  writer.uint32(tagOf(field, BYTES)).fork();
  for (let i = 0; i < numbers.length; i++) writer.uint32(numbers[i] as number);
  writer.join();
}

/** A Request with a DocCreate. */
export function encodeCreate(create: { documentId: Uint8Array; session: Uint8Array; type: string; content: MapNode; detached: boolean }): Uint8Array {
  const writer = new Writer();
  writer.uint32(tagOf(1, BYTES)).fork();
  writer.uint32(tagOf(1, BYTES)).bytes(create.documentId);
  writer.uint32(tagOf(2, BYTES)).bytes(create.session);
  writer.uint32(tagOf(3, BYTES)).string(create.type);
  writer.uint32(tagOf(4, BYTES)).fork();
  writeMap(writer, create.content);
  writer.join();
  if (create.detached) writer.uint32(tagOf(5, VARINT)).bool(true);
  return writer.join().finish();
}

/** A Request with a DocChange. */
export function encodeChange(change: { view: number; changeSeq: number; seenVersion: number; body: readonly Edit[] | TextRun | "undo" | "redo"; message: string }): Uint8Array {
  const writer = new Writer();
  writer.uint32(tagOf(3, BYTES)).fork();
  writer.uint32(tagOf(1, VARINT));
  writeUint53(writer, change.view);
  writer.uint32(tagOf(2, VARINT));
  writeUint53(writer, change.changeSeq);
  if (change.seenVersion !== 0) {
    writer.uint32(tagOf(3, VARINT));
    writeUint53(writer, change.seenVersion);
  }
  const { body } = change;
  if (body === "undo") writer.uint32(tagOf(6, VARINT)).bool(true);
  else if (body === "redo") writer.uint32(tagOf(7, VARINT)).bool(true);
  else if (body instanceof TextRun) {
    writer.uint32(tagOf(5, BYTES)).fork();
    writeRun(writer, body);
    writer.join();
  } else {
    writer.uint32(tagOf(4, BYTES)).fork();
    for (const edit of body) {
      writer.uint32(tagOf(1, BYTES)).fork();
      writeEdit(writer, edit);
      writer.join();
    }
    writer.join();
  }
  if (change.message !== "") writer.uint32(tagOf(8, BYTES)).string(change.message);
  return writer.join().finish();
}

/* Reading ------------------------------------------------------------------------------------------------------------------------------------------------------- */

/** Reads the Value that ends at `end`. One without a kind (of a newer contract) is null. */
export function readValue(reader: Reader, end: number): Node {
  let node: Node = null;
  while (reader.pos < end) {
    const tag = reader.uint32();
    switch (tag >>> 3) {
      case 1:
        reader.bool();
        node = null;
        break;
      case 2:
        node = reader.bool();
        break;
      case 3:
        node = reader.sint53();
        break;
      case 4:
        node = reader.double();
        break;
      case 5:
        node = Text.of(reader.string());
        break;
      case 6:
        node = new BytesNode(reader.bytes().slice());
        break;
      case 7:
        node = new DateNode(reader.sint53());
        break;
      case 8:
        node = new ListNode(readList(reader, reader.end()));
        break;
      case 9:
        node = readMap(reader, reader.end());
        break;
      case 10:
        node = new CounterNode(reader.sint53());
        break;
      default:
        reader.skipTag(tag);
    }
  }
  return node;
}

function readList(reader: Reader, end: number): Node[] {
  const items: Node[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) items.push(readValue(reader, reader.end()));
    else reader.skipTag(tag);
  }
  return items;
}

function readMap(reader: Reader, end: number): MapNode {
  const entries = new Map<string, Node>();
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 !== 1) {
      reader.skipTag(tag);
      continue;
    }
    const entryEnd = reader.end();
    let key = "";
    let node: Node = null;
    while (reader.pos < entryEnd) {
      const inner = reader.uint32();
      if (inner >>> 3 === 1) key = reader.string();
      else if (inner >>> 3 === 2) node = readValue(reader, reader.end());
      else reader.skipTag(inner);
    }
    entries.set(key, node);
  }
  return new MapNode(entries);
}

function readStep(reader: Reader, end: number): string | number {
  let step: string | number = "";
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) step = reader.string();
    else if (tag >>> 3 === 2) step = reader.uint32();
    else reader.skipTag(tag);
  }
  return step;
}

/** Reads the Edit that ends at `end`. @throws RangeError when it has no operation that this build knows: skipping it would show a wrong document. */
export function readEdit(reader: Reader, end: number): Edit {
  const path: (string | number)[] = [];
  let edit: Edit | undefined;
  while (reader.pos < end) {
    const tag = reader.uint32();
    switch (tag >>> 3) {
      case 1:
        path.push(readStep(reader, reader.end()));
        break;
      case 2:
        edit = { op: "put", path, value: readValue(reader, reader.end()) };
        break;
      case 3:
        edit = { op: "delete", path, count: reader.uint32() };
        break;
      case 4:
        edit = { op: "insert", path, values: readList(reader, reader.end()) };
        break;
      case 5:
        edit = { op: "splice", path, ...readSplice(reader, reader.end()) };
        break;
      case 6:
        edit = { op: "increment", path, by: reader.sint53() };
        break;
      default:
        reader.skipTag(tag);
    }
  }
  if (edit === undefined) throw new RangeError("An edit of an unknown kind.");
  return edit;
}

function readSplice(reader: Reader, end: number): { index: number; delete: number; insert: string } {
  const splice = { index: 0, delete: 0, insert: "" };
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) splice.index = reader.uint32();
    else if (tag >>> 3 === 2) splice.delete = reader.uint32();
    else if (tag >>> 3 === 3) splice.insert = reader.string();
    else reader.skipTag(tag);
  }
  return splice;
}

/** Edits of a DocPatched, and when. */
export interface Patched {
  edits: Edit[];
  updatedMs: number;
}

function readPatched(reader: Reader, end: number): Patched {
  const patched: Patched = { edits: [], updatedMs: 0 };
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) patched.edits.push(readEdit(reader, reader.end()));
    else if (tag >>> 3 === 2) patched.updatedMs = reader.sint53();
    else reader.skipTag(tag);
  }
  return patched;
}

/** A DocEvent. */
export interface DocEventMessage {
  version: number;
  event: { case: "patched"; value: Patched } | { case: "ownApplied"; throughSeq: number; effect: Patched | undefined } | { case: "deleted" } | undefined;
  canUndo: boolean;
  canRedo: boolean;
}

/** Reads a whole DocEvent. */
export function readDocEvent(bytes: Uint8Array): DocEventMessage {
  const reader = new Reader(bytes);
  const message: DocEventMessage = { version: 0, event: undefined, canUndo: false, canRedo: false };
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    switch (tag >>> 3) {
      case 1:
        message.version = reader.uint53();
        break;
      case 2:
        message.event = { case: "patched", value: readPatched(reader, reader.end()) };
        break;
      case 3:
        message.event = readOwnApplied(reader, reader.end());
        break;
      case 4:
        if (reader.bool()) message.event = { case: "deleted" };
        break;
      case 5:
        message.canUndo = reader.bool();
        break;
      case 6:
        message.canRedo = reader.bool();
        break;
      default:
        reader.skipTag(tag);
    }
  }
  return message;
}

function readOwnApplied(reader: Reader, end: number): { case: "ownApplied"; throughSeq: number; effect: Patched | undefined } {
  const own: { case: "ownApplied"; throughSeq: number; effect: Patched | undefined } = { case: "ownApplied", throughSeq: 0, effect: undefined };
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) own.throughSeq = reader.uint53();
    else if (tag >>> 3 === 2) own.effect = readPatched(reader, reader.end());
    else reader.skipTag(tag);
  }
  return own;
}
