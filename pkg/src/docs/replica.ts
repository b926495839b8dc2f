/**
 * A document as one client sees it: what the Meta Unit has put in order (*confirmed*), and on top what was done here and is not in that order yet (*pending*).
 * Nothing is applied before somebody looks. Once nothing is pending, what is shown is the confirmed document itself, so all clients end up with the same.
 *
 * @module
 */
import { applyEdit, applyEdits, EditError, samePath, type Edit } from "./edits.js";
import type { MapNode } from "./nodes.js";
import { TextRun } from "./text_run.js";
import { transformEdits } from "./transform.js";

/** What a change does. Undo and redo do what the Meta Unit then says. */
export type ChangeBody = readonly Edit[] | TextRun | "undo" | "redo";

/** A change of this client, numbered in its session and document. A run has a number for each splice, from `firstSeq` on. */
export interface Change {
  readonly firstSeq: number;
  readonly body: ChangeBody;
}

/** How what is shown has changed: not at all, by these edits, or in a way that only a comparison tells. */
export type Effect = "none" | "compare" | readonly Edit[];

interface Pending {
  firstSeq: number;
  body: ChangeBody;
  /** The body, moved over what came in from others meanwhile. */
  shown: readonly Edit[] | TextRun;
}

/** The numbers that a change takes. */
export function seqCount(body: ChangeBody): number {
  return body instanceof TextRun ? body.count : 1;
}

/** The confirmed and the pending state of one document. Pure: no I/O, no promises. */
export class Replica {
  #confirmed: Tree;
  /** The same object as `#confirmed` while nothing is pending. Undefined: to be made again from it when somebody looks. */
  #shown: Tree | undefined;
  #pending: Pending[] = [];
  /** Others' edits came between: what is shown has another order of edits than what is confirmed. */
  #diverged = false;

  constructor(root: MapNode) {
    this.#confirmed = new Tree(root);
    this.#shown = this.#confirmed;
  }

  /** The document as it is to be shown. @throws EditError when the confirmed edits do not fit: the document must be fetched again. */
  get root(): MapNode {
    if (this.#shown === undefined) {
      this.#shown = new Tree(this.#confirmed.root());
      for (const { shown } of this.#pending) this.#shown.push(shown, true);
    }
    return this.#shown.root();
  }

  /** The confirmed document alone. @throws EditError */
  get confirmedRoot(): MapNode {
    return this.#confirmed.root();
  }

  get pendingCount(): number {
    return this.#pending.length;
  }

  /** A change was made here. A run may still grow afterwards, until the next change or event. */
  add(change: Change): void {
    const shown = typeof change.body === "string" ? [] : change.body;
    if (this.#shown === this.#confirmed) this.#shown = this.#confirmed.fork();
    this.#pending.push({ firstSeq: change.firstSeq, body: change.body, shown });
    this.#shown?.push(shown, true);
  }

  /** Others changed the document. */
  receive(edits: readonly Edit[]): Effect {
    this.#confirmed.push(edits, false);
    if (this.#shown === this.#confirmed) return edits;
    this.#moveOver(edits);
    this.#diverged = true;
    this.#shown = undefined;
    return "compare";
  }

  /** This client's changes up to a number took their place; `effect` says what they did, where that is not what was asked. */
  acknowledge(throughSeq: number, effect: readonly Edit[] | undefined): Effect {
    const { taken, left } = this.#split(throughSeq);
    this.#pending = left;
    if (effect === undefined) {
      for (const { body } of taken) if (typeof body !== "string") this.#confirmed.push(body, false);
      return this.#settle();
    }
    this.#confirmed.push(effect, false);
    const onlyUndo = taken.every(({ body }) => typeof body === "string");
    if (onlyUndo && left.length === 0 && !this.#diverged && this.#shown !== undefined) {
      if (this.#shown !== this.#confirmed) this.#shown.push(effect, true);
      this.#settle();
      return effect;
    }
    if (onlyUndo) this.#moveOver(effect);
    this.#diverged = true;
    this.#shown = undefined;
    this.#settle();
    return "compare";
  }

  /** A change was refused: it never happened. */
  refuse(firstSeq: number): Effect {
    const kept = this.#pending.filter((change) => change.firstSeq !== firstSeq);
    if (kept.length === this.#pending.length) return "none";
    this.#pending = kept;
    this.#diverged = true;
    this.#shown = undefined;
    this.#settle();
    return "compare";
  }

  /** The document was opened again, at this state, with this client's changes up to a number in it. What is left is moved over what others did meanwhile. */
  restart(root: MapNode, appliedSeq: number, foreign: (expected: MapNode, actual: MapNode) => readonly Edit[]): void {
    const { taken, left } = this.#split(appliedSeq);
    const expected = new Tree(this.#confirmed.root());
    for (const { shown } of taken) expected.push(shown, true);
    this.#pending = left;
    if (left.length > 0) {
      this.#moveOver(foreign(expected.root(), root));
      // From here on they are changes of the new state, and are sent as such.
      for (const change of left) if (typeof change.body !== "string") change.body = change.shown = sameShape(change.body, change.shown);
    }
    this.#confirmed = new Tree(root);
    this.#diverged = left.length > 0;
    this.#shown = left.length > 0 ? undefined : this.#confirmed;
  }

  /** Numbers what is pending from `firstSeq` on, without gaps, and gives it: after a restart, this is what is to be sent. */
  renumber(firstSeq: number): readonly Change[] {
    let next = firstSeq;
    for (const change of this.#pending) {
      change.firstSeq = next;
      next += seqCount(change.body);
    }
    return this.#pending;
  }

  /** Changes up to a number, and the others; a run that the number divides is divided. */
  #split(throughSeq: number): { taken: Pending[]; left: Pending[] } {
    const taken: Pending[] = [];
    const left: Pending[] = [];
    for (const change of this.#pending) {
      const count = seqCount(change.body);
      const inside = throughSeq - change.firstSeq + 1;
      if (inside >= count) taken.push(change);
      else if (inside <= 0) left.push(change);
      else {
        const run = change.body as TextRun;
        const shown = change.shown;
        const divide = <T extends TextRun | readonly Edit[]>(body: T): [T, T] =>
          body instanceof TextRun ? [body.upTo(inside) as T, body.from(inside) as T] : [(body as readonly Edit[]).slice(0, inside) as unknown as T, (body as readonly Edit[]).slice(inside) as unknown as T];
        const [bodyTaken, bodyLeft] = divide(run);
        const [shownTaken, shownLeft] = divide(shown);
        taken.push({ firstSeq: change.firstSeq, body: bodyTaken, shown: shownTaken });
        left.push({ firstSeq: throughSeq + 1, body: bodyLeft, shown: shownLeft });
      }
    }
    return { taken, left };
  }

  #moveOver(edits: readonly Edit[]): void {
    let theirs = edits;
    for (const change of this.#pending) {
      const mine = change.shown instanceof TextRun ? change.shown.edits() : change.shown;
      const moved = transformEdits(mine, theirs);
      change.shown = moved.mine;
      theirs = moved.theirs;
    }
  }

  /** With nothing pending, the shown and the confirmed document are one. */
  #settle(): Effect {
    if (this.#pending.length > 0) {
      if (this.#diverged) {
        this.#shown = undefined;
        return "compare";
      }
      return "none";
    }
    const diverged = this.#diverged;
    this.#diverged = false;
    if (diverged || this.#shown === undefined) this.#shown = this.#confirmed;
    else this.#confirmed = this.#shown;
    return diverged ? "compare" : "none";
  }
}

/** A moved body in the shape in which it was numbered: a run stays a run of as many splices. Where that is not possible, the Meta Unit judges the original. */
function sameShape(original: readonly Edit[] | TextRun, moved: readonly Edit[] | TextRun): readonly Edit[] | TextRun {
  if (!(original instanceof TextRun) || moved instanceof TextRun) return moved;
  const [first] = moved;
  if (first === undefined || moved.length !== original.count || !moved.every((edit) => edit.op === "splice" && samePath(edit.path, first.path))) return original;
  const run = new TextRun(first.path);
  for (const edit of moved) if (edit.op === "splice") run.push(edit.index, edit.delete, edit.insert);
  return run;
}

/** A version of the document, and edits that come on top when somebody looks. */
class Tree {
  #root: MapNode;
  /** `applied`: how many splices of a run are in `#root` already; a run at the end may grow. */
  #todo: { edits: readonly Edit[] | TextRun; applied: number; lenient: boolean }[] = [];

  constructor(root: MapNode) {
    this.#root = root;
  }

  /** `lenient`: an edit that does not fit is left out (a guess about pending edits), instead of an error. */
  push(edits: readonly Edit[] | TextRun, lenient: boolean): void {
    this.#todo.push({ edits, applied: 0, lenient });
  }

  /** A copy to go on from: what was to do is done once, for both. */
  fork(): Tree {
    return new Tree(this.root());
  }

  root(): MapNode {
    const last = this.#todo.at(-1);
    if (last === undefined) return this.#root;
    for (const entry of this.#todo) this.#root = apply(this.#root, entry);
    // A run that ends the list may grow: it stays, with what of it is done.
    if (last.edits instanceof TextRun) {
      last.applied = last.edits.count;
      this.#todo = [last];
    } else {
      this.#todo = [];
    }
    return this.#root;
  }
}

function apply(root: MapNode, { edits, applied, lenient }: { edits: readonly Edit[] | TextRun; applied: number; lenient: boolean }): MapNode {
  if (edits instanceof TextRun && applied >= edits.count) return root;
  try {
    return edits instanceof TextRun ? edits.apply(root, applied) : applyEdits(root, edits);
  } catch (error) {
    if (!lenient || !(error instanceof EditError)) throw error;
  }
  const each = edits instanceof TextRun ? edits.edits().slice(applied) : edits;
  for (const edit of each) {
    try {
      root = applyEdit(root, edit);
    } catch (error) {
      if (!(error instanceof EditError)) throw error;
    }
  }
  return root;
}
