/**
 * The edits that lead from one version of a document to another. Used where the exact steps are not known in the order in which a listener saw the document:
 * after concurrent changes. Versions share what did not change, so the cost is that of the difference.
 *
 * @module
 */
import type { Edit, Path } from "./edits.js";
import { BytesNode, CounterNode, DateNode, ListNode, MapNode, type Node } from "./nodes.js";
import { minimalSplice, Text } from "./text.js";

/** Edits that turn `before` into `after`, each relative to the result of those in front of it. */
export function diff(before: MapNode, after: MapNode): Edit[] {
  const edits: Edit[] = [];
  diffMaps(before, after, [], edits);
  return edits;
}

function diffMaps(before: MapNode, after: MapNode, path: Path, edits: Edit[]): void {
  if (before === after) return;
  for (const key of before.entries.keys()) {
    if (!after.entries.has(key)) edits.push({ op: "delete", path: [...path, key], count: 1 });
  }
  for (const [key, node] of after.entries) {
    const old = before.entries.get(key);
    if (old === undefined) edits.push({ op: "put", path: [...path, key], value: node });
    else diffNodes(old, node, [...path, key], edits);
  }
}

function diffNodes(before: Node, after: Node, path: Path, edits: Edit[]): void {
  if (equalNodes(before, after)) return;
  if (before instanceof MapNode && after instanceof MapNode) diffMaps(before, after, path, edits);
  else if (before instanceof ListNode && after instanceof ListNode) diffLists(before, after, path, edits);
  else if (before instanceof Text && after instanceof Text) diffTexts(before, after, path, edits);
  else if (before instanceof CounterNode && after instanceof CounterNode) edits.push({ op: "increment", path, by: after.value - before.value });
  else edits.push({ op: "put", path, value: after });
}

function diffTexts(before: Text, after: Text, path: Path, edits: Edit[]): void {
  const splice = minimalSplice(before.toString(), after.toString());
  if (splice !== undefined) edits.push({ op: "splice", path, ...splice });
}

function diffLists(before: ListNode, after: ListNode, path: Path, edits: Edit[]): void {
  const old = before.items;
  const items = after.items;
  const shorter = Math.min(old.length, items.length);
  let start = 0;
  while (start < shorter && equalNodes(old[start] as Node, items[start] as Node)) start++;
  let end = 0;
  while (end < shorter - start && equalNodes(old[old.length - 1 - end] as Node, items[items.length - 1 - end] as Node)) end++;
  const common = shorter - start - end;
  for (let i = start; i < start + common; i++) diffNodes(old[i] as Node, items[i] as Node, [...path, i], edits);
  const removed = old.length - start - end - common;
  if (removed > 0) edits.push({ op: "delete", path: [...path, start + common], count: removed });
  const added = items.slice(start + common, items.length - end);
  if (added.length > 0) edits.push({ op: "insert", path: [...path, start + common], values: added });
}

/** Whether two nodes have the same content. Shared nodes are equal without a look inside. */
export function equalNodes(a: Node, b: Node): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Text) return b instanceof Text && a.length === b.length && a.toString() === b.toString();
  if (a instanceof DateNode) return b instanceof DateNode && a.ms === b.ms;
  if (a instanceof CounterNode) return b instanceof CounterNode && a.value === b.value;
  if (a instanceof BytesNode) return b instanceof BytesNode && a.bytes.length === b.bytes.length && a.bytes.every((byte, i) => byte === b.bytes[i]);
  if (a instanceof ListNode) return b instanceof ListNode && a.items.length === b.items.length && a.items.every((item, i) => equalNodes(item, b.items[i] as Node));
  if (!(b instanceof MapNode) || a.entries.size !== b.entries.size) return false;
  for (const [key, node] of a.entries) {
    const other = b.entries.get(key);
    if (other === undefined || !equalNodes(node, other)) return false;
  }
  return true;
}
