/**
 * The content of a document as the facade keeps it: immutable nodes that share what did not change, each of which gives its frozen snapshot once.
 *
 * @module
 */
import type { DocValue } from "../api.js";
import { AvatarArgumentError } from "../errors.js";
import { Text } from "./text.js";

/** A value inside a document. */
export type Node = null | boolean | number | Text | DateNode | BytesNode | CounterNode | ListNode | MapNode;

/** A point in time. A Date itself could be changed under us. */
export class DateNode {
  readonly ms: number;
  #snapshot: Date | undefined;

  constructor(ms: number) {
    this.ms = ms;
  }

  snapshot(): Date {
    return (this.#snapshot ??= new Date(this.ms));
  }
}

/** Bytes, at most {@link MAX_BYTES}. */
export class BytesNode {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** A number in which concurrent increments add up. */
export class CounterNode {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** A list. */
export class ListNode {
  readonly items: readonly Node[];
  #snapshot: readonly DocValue[] | undefined;

  constructor(items: readonly Node[]) {
    this.items = items;
  }

  snapshot(): readonly DocValue[] {
    return (this.#snapshot ??= Object.freeze(this.items.map(snapshotOf)));
  }

  with(index: number, item: Node): ListNode {
    const items = this.items.slice();
    items[index] = item;
    return new ListNode(items);
  }

  splice(index: number, deleteCount: number, insert: readonly Node[]): ListNode {
    return new ListNode([...this.items.slice(0, index), ...insert, ...this.items.slice(index + deleteCount)]);
  }
}

/** A map from keys to values. */
export class MapNode {
  static readonly EMPTY = new MapNode(new Map());
  readonly entries: ReadonlyMap<string, Node>;
  #snapshot: { readonly [key: string]: DocValue } | undefined;

  constructor(entries: ReadonlyMap<string, Node>) {
    this.entries = entries;
  }

  snapshot(): { readonly [key: string]: DocValue } {
    if (this.#snapshot === undefined) {
      const object: { [key: string]: DocValue } = {};
      for (const [key, node] of this.entries) setOwn(object, key, snapshotOf(node));
      this.#snapshot = Object.freeze(object);
    }
    return this.#snapshot;
  }

  with(key: string, value: Node): MapNode {
    return new MapNode(new Map(this.entries).set(key, value));
  }

  without(key: string): MapNode {
    const entries = new Map(this.entries);
    entries.delete(key);
    return new MapNode(entries);
  }
}

/** Sets an own property, also for the one key (`__proto__`) for which an assignment would do something else. */
export function setOwn(object: { [key: string]: unknown }, key: string, value: unknown): void {
  if (key === "__proto__") Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  else object[key] = value;
}

/** What an application sees of a node. */
export function snapshotOf(node: Node): DocValue {
  if (node === null || typeof node !== "object") return node;
  if (node instanceof Text) return node.toString();
  if (node instanceof BytesNode) return node.bytes;
  if (node instanceof CounterNode) return node.value;
  return node.snapshot();
}

/** Larger bytes do not belong in a document. */
export const MAX_BYTES = 64 * 1024;
/** Levels of lists and maps in a value: more is a mistake (or an attack on recursive decoders), not a document. */
export const MAX_DEPTH = 32;
/** Bytes of a key, in UTF-8 at most three times its code units. */
const MAX_KEY_UNITS = 4096;

/**
 * The node for a value that an application gives. Copies: what the application does to its value later changes nothing here.
 * @throws AvatarArgumentError for what a document cannot hold.
 */
export function nodeOf(value: unknown, depth = 0): Node {
  switch (typeof value) {
    case "boolean":
    case "number":
      return value;
    case "string":
      return Text.of(wellFormed(value));
    case "object":
      break;
    default:
      throw new AvatarArgumentError(`A document cannot hold a ${typeof value}.`);
  }
  if (value === null) return null;
  if (value instanceof Date) {
    const ms = value.getTime();
    if (Number.isNaN(ms)) throw new AvatarArgumentError("A document cannot hold an invalid Date.");
    return new DateNode(ms);
  }
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return bytesNode(value);
  if (depth >= MAX_DEPTH) throw new AvatarArgumentError(`A document cannot hold more than ${MAX_DEPTH} levels of lists and maps (or one that contains itself).`);
  if (Array.isArray(value)) {
    const items: Node[] = [];
    for (let i = 0; i < value.length; i++) {
      if (value[i] === undefined) throw new AvatarArgumentError("A list in a document cannot hold undefined; use null.");
      items.push(nodeOf(value[i], depth + 1));
    }
    return new ListNode(items);
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype && Object.getPrototypeOf(prototype) !== null) {
    throw new AvatarArgumentError(`A document cannot hold a ${(value as object).constructor?.name ?? "special object"}; only plain objects, lists, Date and Uint8Array.`);
  }
  return mapNodeOf(value as { [key: string]: unknown }, depth);
}

/** The node for a plain object. Keys that hold `undefined` are left out, as in JSON. */
export function mapNodeOf(object: { readonly [key: string]: unknown }, depth = 0): MapNode {
  const entries = new Map<string, Node>();
  for (const key of Object.keys(object)) {
    const value = object[key];
    if (value !== undefined) entries.set(checkedKey(key), nodeOf(value, depth + 1));
  }
  return new MapNode(entries);
}

/** A key that a document can hold. */
export function checkedKey(key: string): string {
  if (key === "") throw new AvatarArgumentError("A key cannot be empty.");
  if (key.length > MAX_KEY_UNITS) throw new AvatarArgumentError(`A key cannot be longer than ${MAX_KEY_UNITS}.`);
  return wellFormed(key);
}

/** UTF-8 has no lone surrogates: each becomes U+FFFD, of the same length, so that positions stay. */
export function wellFormed(string: string): string {
  return string.isWellFormed() ? string : string.toWellFormed();
}

function bytesNode(value: ArrayBufferView | ArrayBuffer): BytesNode {
  const bytes = ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : new Uint8Array(value);
  if (bytes.byteLength > MAX_BYTES) throw new AvatarArgumentError(`A document cannot hold more than ${MAX_BYTES} bytes in one value; ${bytes.byteLength} were given.`);
  return new BytesNode(bytes.slice());
}
