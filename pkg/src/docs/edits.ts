/**
 * Edits of a document, and what they do to its nodes. One shape serves what the draft records, what goes over the wire and what comes back as patches.
 *
 * @module
 */
import type { DocPatch } from "../api.js";
import { CounterNode, ListNode, MapNode, snapshotOf, type Node } from "./nodes.js";
import { Text } from "./text.js";

/** Keys and indices from the root. */
export type Path = readonly (string | number)[];

/** One edit. Like {@link DocPatch}, with nodes for values. */
export type Edit =
  | { readonly op: "put"; readonly path: Path; readonly value: Node }
  | { readonly op: "delete"; readonly path: Path; readonly count: number }
  | { readonly op: "insert"; readonly path: Path; readonly values: readonly Node[] }
  | TextEdit
  | { readonly op: "increment"; readonly path: Path; readonly by: number };

/** An edit of a text. */
export interface TextEdit {
  readonly op: "splice";
  readonly path: Path;
  readonly index: number;
  readonly delete: number;
  readonly insert: string;
}

/** An edit does not fit the document that it was applied to. */
export class EditError extends Error {
  override readonly name = "EditError";
}

/** The document after one edit. @throws EditError when the place is not there. */
export function applyEdit(root: MapNode, edit: Edit): MapNode {
  const { path } = edit;
  if (path.length === 0) throw new EditError("An edit needs a path.");
  if (edit.op === "splice") {
    return alter(root, path, 0, (node) => {
      if (!(node instanceof Text)) throw new EditError("No text is at the path.");
      try {
        return node.splice(edit.index, edit.delete, edit.insert);
      } catch (cause) {
        throw new EditError("The splice is outside of the text.", { cause });
      }
    }) as MapNode;
  }
  if (edit.op === "increment") {
    return alter(root, path, 0, (node) => {
      if (!(node instanceof CounterNode)) throw new EditError("No counter is at the path.");
      return new CounterNode(node.value + edit.by);
    }) as MapNode;
  }
  const last = path[path.length - 1] as string | number;
  return alter(root, path.slice(0, -1), 0, (container) => editContainer(container, last, edit)) as MapNode;
}

/** The document after several edits, one after another. Splices of one text that follow each other share the work of the first. */
export function applyEdits(root: MapNode, edits: readonly Edit[]): MapNode {
  for (let i = 0; i < edits.length; ) {
    const edit = edits[i] as Edit;
    const end = edit.op === "splice" ? endOfSplices(edits, i, edit.path) : i + 1;
    root = end - i > 1 ? applySplices(root, edits.slice(i, end) as TextEdit[]) : applyEdit(root, edit);
    i = end;
  }
  return root;
}

function endOfSplices(edits: readonly Edit[], start: number, path: Path): number {
  let end = start + 1;
  while (end < edits.length && edits[end]?.op === "splice" && samePath((edits[end] as Edit).path, path)) end++;
  return end;
}

function applySplices(root: MapNode, edits: readonly TextEdit[]): MapNode {
  return alter(root, (edits[0] as TextEdit).path, 0, (node) => {
    if (!(node instanceof Text)) throw new EditError("No text is at the path.");
    const editor = node.edit();
    try {
      for (const { index, delete: deleteCount, insert } of edits) editor.splice(index, deleteCount, insert);
    } catch (cause) {
      throw new EditError("A splice is outside of the text.", { cause });
    }
    return editor.finish();
  }) as MapNode;
}

/** The document with the node at `path` replaced by what `change` makes of it. @throws EditError when the path leads nowhere. */
export function alter(node: Node | undefined, path: Path, depth: number, change: (node: Node) => Node): Node {
  if (node === undefined) throw new EditError(`Nothing is at ${JSON.stringify(path.slice(0, depth))}.`);
  if (depth === path.length) return change(node);
  const step = path[depth] as string | number;
  if (typeof step === "string") {
    if (!(node instanceof MapNode)) throw new EditError(`No map is at ${JSON.stringify(path.slice(0, depth))}.`);
    return node.with(step, alter(node.entries.get(step), path, depth + 1, change));
  }
  if (!(node instanceof ListNode)) throw new EditError(`No list is at ${JSON.stringify(path.slice(0, depth))}.`);
  return node.with(step, alter(node.items[step], path, depth + 1, change));
}

/** The node at a path, or undefined. */
export function nodeAt(root: Node, path: Path): Node | undefined {
  let node: Node | undefined = root;
  for (const step of path) {
    if (typeof step === "string") node = node instanceof MapNode ? node.entries.get(step) : undefined;
    else node = node instanceof ListNode ? node.items[step] : undefined;
    if (node === undefined) return undefined;
  }
  return node;
}

function editContainer(container: Node, step: string | number, edit: Exclude<Edit, { op: "splice" | "increment" }>): Node {
  if (typeof step === "string") {
    if (!(container instanceof MapNode)) throw new EditError(`"${step}" is a key, and no map is there.`);
    if (edit.op === "put") return container.with(step, edit.value);
    if (edit.op === "delete") return container.without(step);
    throw new EditError("A map has no place to insert at.");
  }
  if (!(container instanceof ListNode)) throw new EditError(`${step} is an index, and no list is there.`);
  const { length } = container.items;
  switch (edit.op) {
    case "put":
      if (step >= length) throw new EditError(`No item ${step} in a list of ${length}.`);
      return container.with(step, edit.value);
    case "delete":
      if (step + edit.count > length) throw new EditError(`No ${edit.count} items at ${step} in a list of ${length}.`);
      return container.splice(step, edit.count, []);
    case "insert":
      if (step > length) throw new EditError(`No place ${step} in a list of ${length}.`);
      return container.splice(step, 0, edit.values);
  }
}

/** What an application is told of an edit. */
export function patchOf(edit: Edit): DocPatch {
  switch (edit.op) {
    case "put":
      return { op: "put", path: edit.path, value: snapshotOf(edit.value) };
    case "insert":
      return { op: "insert", path: edit.path, values: edit.values.map(snapshotOf) };
    case "splice":
      return { op: "splice", path: edit.path, index: edit.index, delete: edit.delete, insert: edit.insert };
    case "delete":
      return { op: "delete", path: edit.path, count: edit.count };
    case "increment":
      return { op: "increment", path: edit.path, by: edit.by };
  }
}

/** Whether two paths lead to the same place. */
export function samePath(a: Path, b: Path): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
