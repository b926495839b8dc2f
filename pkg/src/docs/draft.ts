/**
 * The draft that `doc.change` hands out: it behaves like a plain object, and every change of it is recorded as an edit.
 *
 * @module
 */
import { AvatarArgumentError } from "../errors.js";
import { equalNodes } from "./diff.js";
import type { Edit, Path } from "./edits.js";
import { BytesNode, checkedKey, CounterNode, DateNode, ListNode, MapNode, nodeOf, snapshotOf, wellFormed, type Node } from "./nodes.js";
import { minimalSplice, Text } from "./text.js";

/** Runs a recipe on a draft of the document. @throws what the recipe throws; then nothing is recorded. */
export function record(root: MapNode, recipe: (draft: never) => unknown): Edit[] {
  const recorder = new Recorder();
  const draft = new DraftMap(root, undefined, "", recorder);
  try {
    const result = recipe(draft.proxy as never);
    if (typeof (result as { then?: unknown } | undefined)?.then === "function") throw new AvatarArgumentError("The function given to change() must not be async: what it does after an await would be lost.");
  } finally {
    recorder.done = true;
  }
  return recorder.edits;
}

class Recorder {
  readonly edits: Edit[] = [];
  done = false;

  check(): void {
    if (this.done) throw new AvatarArgumentError("A draft is only alive inside the function given to change().");
  }
}


type Child = Node | Container;
type Container = DraftMap | DraftList;

/** What lists and maps in a draft have in common: a place in the tree, which moves when lists shift. */
abstract class Place {
  parent: Container | undefined;
  step: string | number;
  readonly recorder: Recorder;
  abstract readonly isRoot: boolean;

  constructor(parent: Container | undefined, step: string | number, recorder: Recorder) {
    this.parent = parent;
    this.step = step;
    this.recorder = recorder;
  }

  /** The path from the root, or undefined when this was taken out of the document: then changes of it are the application's own. */
  path(last?: string | number): Path | undefined {
    const path: (string | number)[] = last === undefined ? [] : [last];
    let place: Place = this;
    while (!place.isRoot) {
      if (place.parent === undefined) return undefined;
      path.push(place.step);
      place = place.parent;
    }
    return path.reverse();
  }

  record(last: string | number, edit: (path: Path) => Edit): void {
    this.recorder.check();
    const path = this.path(last);
    if (path !== undefined) this.recorder.edits.push(edit(path));
  }
}

function isContainer(child: Child | undefined): child is Container {
  return child instanceof DraftMap || child instanceof DraftList;
}

function nodeOfChild(child: Child): Node {
  return isContainer(child) ? child.toNode() : child;
}

/** A child as the application sees it in the draft. Dates and bytes are copies: a change inside of them could not be noticed. */
function valueOfChild(child: Child): unknown {
  if (isContainer(child)) return child.proxy;
  if (child instanceof Text) return child.toString();
  if (child instanceof DateNode) return new Date(child.ms);
  if (child instanceof BytesNode) return child.bytes.slice();
  if (child === null || typeof child !== "object") return child;
  return snapshotOf(child);
}

function detach(child: Child | undefined): void {
  if (isContainer(child)) child.parent = undefined;
}

/**
 * What assigning `value` over `old` means: nothing, a smaller edit, or a new value.
 * Text assigned over text becomes the splice between them, so that others' edits of the same text live on; a number over a counter its difference.
 */
function assign(place: Place, step: string | number, old: Child | undefined, value: unknown): Node | undefined {
  if (isContainer(old) && old.proxy === value) return undefined;
  if (old instanceof Text && typeof value === "string") {
    const text = wellFormed(value);
    const splice = minimalSplice(old.toString(), text);
    if (splice === undefined) return undefined;
    place.record(step, (path) => ({ op: "splice", path, ...splice }));
    return Text.of(text);
  }
  if (old instanceof CounterNode && typeof value === "number") {
    if (value === old.value) return undefined;
    if (!Number.isSafeInteger(value)) throw new AvatarArgumentError("A counter holds whole numbers.");
    place.record(step, (path) => ({ op: "increment", path, by: value - old.value }));
    return new CounterNode(value);
  }
  const node = nodeOf(value);
  if (old !== undefined && equalNodes(nodeOfChild(old), node)) return undefined;
  place.record(step, (path) => ({ op: "put", path, value: node }));
  detach(old);
  return node;
}

class DraftMap extends Place {
  readonly proxy: object;
  readonly #entries: Map<string, Child>;
  readonly isRoot: boolean;

  constructor(node: MapNode, parent: Container | undefined, step: string | number, recorder: Recorder) {
    super(parent, step, recorder);
    this.isRoot = parent === undefined;
    this.#entries = new Map(node.entries);
    this.proxy = new Proxy({}, mapTraps(this));
  }

  keys(): string[] {
    return [...this.#entries.keys()];
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  get(key: string): unknown {
    const child = this.#entries.get(key);
    if (child === undefined) return undefined;
    const opened = open(child, this, key);
    if (opened !== child) this.#entries.set(key, opened);
    return valueOfChild(opened);
  }

  set(key: string, value: unknown): void {
    if (value === undefined) return this.delete(key);
    checkedKey(key);
    const node = assign(this, key, this.#entries.get(key), value);
    if (node !== undefined) this.#entries.set(key, node);
  }

  delete(key: string): void {
    if (!this.#entries.has(key)) return;
    this.record(key, (path) => ({ op: "delete", path, count: 1 }));
    detach(this.#entries.get(key));
    this.#entries.delete(key);
  }

  toNode(): MapNode {
    return new MapNode(new Map([...this.#entries].map(([key, child]) => [key, nodeOfChild(child)])));
  }
}

class DraftList extends Place {
  readonly proxy: object;
  readonly isRoot = false;
  #items: Child[];

  constructor(node: ListNode, parent: Container, step: string | number, recorder: Recorder) {
    super(parent, step, recorder);
    this.#items = node.items.slice();
    this.proxy = new Proxy([], listTraps(this));
  }

  get length(): number {
    return this.#items.length;
  }

  get(index: number): unknown {
    const child = this.#items[index];
    if (child === undefined) return undefined;
    const opened = open(child, this, index);
    this.#items[index] = opened;
    return valueOfChild(opened);
  }

  set(index: number, value: unknown): void {
    if (value === undefined) throw new AvatarArgumentError("A list in a document cannot hold undefined; use null, or splice() to remove.");
    if (index > this.#items.length) throw new AvatarArgumentError("A list in a document has no holes.");
    if (index === this.#items.length) {
      this.splice(index, 0, [value]);
      return;
    }
    const node = assign(this, index, this.#items[index], value);
    if (node !== undefined) this.#items[index] = node;
  }

  setLength(length: number): void {
    if (length > this.#items.length) throw new AvatarArgumentError("A list in a document has no holes.");
    this.splice(length, this.#items.length - length, []);
  }

  /** Like Array.prototype.splice with its arguments made regular. */
  splice(start: number, deleteCount: number, values: readonly unknown[]): unknown[] {
    if (values.includes(undefined)) throw new AvatarArgumentError("A list in a document cannot hold undefined; use null.");
    const nodes = values.map((value) => nodeOf(value));
    const removed = this.#items.slice(start, start + deleteCount).map((child) => {
      const value = valueOfChild(child);
      detach(child);
      return value;
    });
    if (deleteCount > 0) this.record(start, (path) => ({ op: "delete", path, count: deleteCount }));
    if (nodes.length > 0) this.record(start, (path) => ({ op: "insert", path, values: nodes }));
    this.#items = [...this.#items.slice(0, start), ...nodes, ...this.#items.slice(start + deleteCount)];
    for (let i = start; i < this.#items.length; i++) {
      const child = this.#items[i];
      if (isContainer(child)) child.step = i;
    }
    return removed;
  }

  /** Makes the list hold these values, with the shortest replacement in the middle. */
  replaceAll(values: readonly unknown[]): void {
    const nodes = values.map((value) => nodeOf(value));
    const old = this.toNode().items;
    const shorter = Math.min(old.length, nodes.length);
    let head = 0;
    while (head < shorter && equalNodes(old[head] as Node, nodes[head] as Node)) head++;
    let tail = 0;
    while (tail < shorter - head && equalNodes(old[old.length - 1 - tail] as Node, nodes[nodes.length - 1 - tail] as Node)) tail++;
    this.splice(head, old.length - head - tail, values.slice(head, values.length - tail));
  }

  toNode(): ListNode {
    return new ListNode(this.#items.map(nodeOfChild));
  }
}

/** A list or map becomes a container with a place when the application reaches for it. */
function open(child: Child, parent: Container, step: string | number): Child {
  if (child instanceof MapNode) return new DraftMap(child, parent, step, parent.recorder);
  if (child instanceof ListNode) return new DraftList(child, parent, step, parent.recorder);
  return child;
}

function stringKey(key: string | symbol): string {
  if (typeof key === "symbol") throw new AvatarArgumentError("A document's keys are strings.");
  return key;
}

function mapTraps(map: DraftMap): ProxyHandler<object> {
  return {
    get: (target, key) => {
      map.recorder.check();
      if (typeof key === "string" && map.has(key)) return map.get(key);
      return Reflect.get(target, key);
    },
    set: (_target, key, value) => {
      map.recorder.check();
      map.set(stringKey(key), value);
      return true;
    },
    deleteProperty: (_target, key) => {
      map.recorder.check();
      map.delete(stringKey(key));
      return true;
    },
    has: (target, key) => (typeof key === "string" && map.has(key)) || Reflect.has(target, key),
    ownKeys: () => map.keys(),
    getOwnPropertyDescriptor: (_target, key) =>
      typeof key === "string" && map.has(key) ? { value: map.get(key), writable: true, enumerable: true, configurable: true } : undefined,
    defineProperty: (_target, key, descriptor) => {
      if (!("value" in descriptor)) throw new AvatarArgumentError("A document holds values, not accessors.");
      map.recorder.check();
      map.set(stringKey(key), descriptor.value);
      return true;
    },
    setPrototypeOf: () => false,
    preventExtensions: () => false,
  };
}

/** The number of an index written as a property key, or undefined. */
function indexOfKey(key: string | symbol): number | undefined {
  if (typeof key !== "string" || !/^(0|[1-9]\d{0,9})$/.test(key)) return undefined;
  return Number(key);
}

function listTraps(list: DraftList): ProxyHandler<unknown[]> {
  const methods = listMethods(list);
  const descriptor = (value: unknown) => ({ value, writable: true, enumerable: true, configurable: true });
  return {
    get: (target, key, receiver) => {
      list.recorder.check();
      if (key === "length") return list.length;
      const index = indexOfKey(key);
      if (index !== undefined) return list.get(index);
      if (typeof key === "string" && Object.hasOwn(methods, key)) return methods[key as keyof typeof methods];
      return Reflect.get(target, key, receiver);
    },
    set: (_target, key, value) => {
      list.recorder.check();
      if (key === "length") list.setLength(Number(value));
      else list.set(checkedIndex(key), value);
      return true;
    },
    defineProperty: (_target, key, property) => {
      list.recorder.check();
      list.set(checkedIndex(key), property.value);
      return true;
    },
    deleteProperty: (_target, key) => {
      const index = indexOfKey(key);
      if (index !== undefined && index < list.length) throw new AvatarArgumentError("A list in a document has no holes: use splice() to remove an item.");
      return true;
    },
    has: (target, key) => {
      const index = indexOfKey(key);
      return index !== undefined ? index < list.length : Reflect.has(target, key);
    },
    ownKeys: () => [...Array.from({ length: list.length }, (_, i) => String(i)), "length"],
    getOwnPropertyDescriptor: (_target, key) => {
      if (key === "length") return { value: list.length, writable: true, enumerable: false, configurable: false };
      const index = indexOfKey(key);
      return index !== undefined && index < list.length ? descriptor(list.get(index)) : undefined;
    },
    setPrototypeOf: () => false,
    preventExtensions: () => false,
  };
}

function checkedIndex(key: string | symbol): number {
  const index = indexOfKey(key);
  if (index === undefined) throw new AvatarArgumentError(`A list in a document has no property ${String(key)}.`);
  return index;
}

/** The methods of Array that change it: each becomes the few edits that it means, instead of one for every index it moves. */
function listMethods(list: DraftList) {
  const values = (): unknown[] => Array.from({ length: list.length }, (_, i) => list.get(i));
  const clamp = (index: number): number => {
    const whole = Math.trunc(index) || 0;
    return whole < 0 ? Math.max(list.length + whole, 0) : Math.min(whole, list.length);
  };
  return {
    push: (...items: unknown[]): number => {
      list.splice(list.length, 0, items);
      return list.length;
    },
    pop: (): unknown => (list.length === 0 ? undefined : list.splice(list.length - 1, 1, [])[0]),
    shift: (): unknown => (list.length === 0 ? undefined : list.splice(0, 1, [])[0]),
    unshift: (...items: unknown[]): number => {
      list.splice(0, 0, items);
      return list.length;
    },
    splice: (...parameters: [start: number, deleteCount?: number, ...items: unknown[]]): unknown[] => {
      if (parameters.length === 0) return [];
      const [start, deleteCount, ...items] = parameters;
      const from = clamp(start);
      const count = parameters.length === 1 ? list.length - from : Math.min(Math.max(Math.trunc(Number(deleteCount)) || 0, 0), list.length - from);
      return list.splice(from, count, items);
    },
    sort: (compare?: (a: unknown, b: unknown) => number): object => {
      list.replaceAll(values().sort(compare));
      return list.proxy;
    },
    reverse: (): object => {
      list.replaceAll(values().reverse());
      return list.proxy;
    },
    fill: (value: unknown, start = 0, end = list.length): object => {
      for (let i = clamp(start); i < clamp(end); i++) list.set(i, value);
      return list.proxy;
    },
    copyWithin: (target: number, start: number, end?: number): object => {
      list.replaceAll(values().copyWithin(target, start, end));
      return list.proxy;
    },
  };
}
