/**
 * Moves edits that are still pending to where they belong once others' edits came in before them. For display only: the Meta Unit merges for itself, and its order
 * replaces this guess as soon as nothing is pending.
 *
 * @module
 */
import type { Edit, Path, TextEdit } from "./edits.js";

/** `mine`, each moved over all of `theirs`. What lost its place is left out. */
export function transformEdits(mine: readonly Edit[], theirs: readonly Edit[]): { mine: Edit[]; theirs: Edit[] } {
  const moved: Edit[] = [];
  let over = theirs.slice();
  for (const edit of mine) {
    let at: Edit | undefined = edit;
    const next: Edit[] = [];
    for (const their of over) {
      const before: Edit | undefined = at;
      at = before && transform(before, their, true);
      const theirMoved = before ? transform(their, before, false) : their;
      if (theirMoved) next.push(theirMoved);
    }
    over = next;
    if (at) moved.push(at);
  }
  return { mine: moved, theirs: over };
}

/** `edit`, moved over `over`, which was made at the same state. Where both insert at one place, `after` puts `edit` behind. */
function transform(edit: Edit, over: Edit, after: boolean): Edit | undefined {
  if (over.op === "increment") return edit;
  if (over.op === "splice") {
    return edit.op === "splice" && isPrefix(over.path, edit.path) && over.path.length === edit.path.length ? transformSplice(edit, over, after) : edit;
  }
  const depth = over.path.length - 1;
  const step = over.path[depth];
  if (typeof step === "number" && over.op !== "put") {
    const mine = edit.path[depth];
    if (typeof mine !== "number" || !isPrefix(over.path.slice(0, depth), edit.path)) return edit;
    return over.op === "insert" ? shiftedByInsert(edit, depth, mine, step, over.values.length, after) : shiftedByDelete(edit, depth, mine, step, over.count);
  }
  // A put, or a key that is removed: what it replaced is gone with all that was in it.
  if (!isPrefix(over.path, edit.path)) return edit;
  const inside = edit.path.length > over.path.length || edit.op === "splice" || edit.op === "increment";
  return inside ? undefined : edit;
}

function shiftedByInsert(edit: Edit, depth: number, mine: number, at: number, count: number, after: boolean): Edit {
  const isPlaceOfInsert = edit.op === "insert" && depth === edit.path.length - 1;
  const shifts = mine > at || (mine === at && (!isPlaceOfInsert || after));
  return shifts ? withStep(edit, depth, mine + count) : edit;
}

function shiftedByDelete(edit: Edit, depth: number, mine: number, at: number, count: number): Edit | undefined {
  if (depth === edit.path.length - 1 && edit.op === "delete") {
    const start = mine < at ? mine : Math.max(at, mine - count);
    const end = mine + edit.count;
    const endMoved = end <= at ? end : Math.max(at, end - count);
    return endMoved > start ? { ...withStep(edit, depth, start), count: endMoved - start } as Edit : undefined;
  }
  if (mine < at) return edit;
  if (mine >= at + count) return withStep(edit, depth, mine - count);
  return depth === edit.path.length - 1 && edit.op === "insert" ? withStep(edit, depth, at) : undefined;
}

function transformSplice(edit: TextEdit, over: TextEdit, after: boolean): TextEdit {
  const move = (position: number, behind: boolean): number => {
    if (position < over.index || (position === over.index && !behind)) return position;
    if (position >= over.index + over.delete) return position - over.delete + over.insert.length;
    return over.index + (behind ? over.insert.length : 0);
  };
  const start = move(edit.index, after || edit.delete > 0);
  const end = edit.delete === 0 ? start : Math.max(start, move(edit.index + edit.delete, false));
  return { ...edit, index: start, delete: end - start };
}

function withStep(edit: Edit, depth: number, step: number): Edit {
  const path = edit.path.slice();
  path[depth] = step;
  return { ...edit, path } as Edit;
}

function isPrefix(prefix: Path, path: Path): boolean {
  if (prefix.length > path.length) return false;
  for (let i = 0; i < prefix.length; i++) if (prefix[i] !== path[i]) return false;
  return true;
}
