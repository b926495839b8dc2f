/**
 * Many splices of one text in columns: a person's typing costs a few bytes a stroke, in memory and on the wire.
 *
 * @module
 */
import { alter, EditError, type Path, type TextEdit } from "./edits.js";
import type { MapNode } from "./nodes.js";
import { Text } from "./text.js";

/** Splices that a run takes at most. Beyond, a new one begins, so that the worker starts on the first while the tab still types. */
export const MAX_RUN_SPLICES = 4096;

/** Splices of the text at `path`, each a change of its own, in order. It grows until it is sent. */
export class TextRun {
  readonly path: Path;
  readonly indexes: number[] = [];
  readonly deletes: number[] = [];
  readonly insertLens: number[] = [];
  /** The inserted texts, one after another. */
  inserted = "";

  constructor(path: Path) {
    this.path = path;
  }

  /** The number of splices. */
  get count(): number {
    return this.indexes.length;
  }

  push(index: number, deleteCount: number, insert: string): void {
    this.indexes.push(index);
    this.deletes.push(deleteCount);
    this.insertLens.push(insert.length);
    this.inserted += insert;
  }

  /** The splices from number `first` on, as a run of its own. */
  from(first: number): TextRun {
    const rest = new TextRun(this.path);
    let skipped = 0;
    for (let i = 0; i < first; i++) skipped += this.insertLens[i] as number;
    for (let i = first; i < this.count; i++) {
      rest.indexes.push(this.indexes[i] as number);
      rest.deletes.push(this.deletes[i] as number);
      rest.insertLens.push(this.insertLens[i] as number);
    }
    rest.inserted = this.inserted.slice(skipped);
    return rest;
  }

  /** The first `count` splices, as a run of its own. */
  upTo(count: number): TextRun {
    const part = new TextRun(this.path);
    let taken = 0;
    for (let i = 0; i < count; i++) {
      part.indexes.push(this.indexes[i] as number);
      part.deletes.push(this.deletes[i] as number);
      part.insertLens.push(this.insertLens[i] as number);
      taken += this.insertLens[i] as number;
    }
    part.inserted = this.inserted.slice(0, taken);
    return part;
  }

  /** The splices as edits. */
  edits(): TextEdit[] {
    const edits: TextEdit[] = [];
    let at = 0;
    for (let i = 0; i < this.count; i++) {
      const length = this.insertLens[i] as number;
      edits.push({ op: "splice", path: this.path, index: this.indexes[i] as number, delete: this.deletes[i] as number, insert: this.inserted.slice(at, at + length) });
      at += length;
    }
    return edits;
  }

  /** The document after the splices from number `first` on. @throws EditError */
  apply(root: MapNode, first: number): MapNode {
    return alter(root, this.path, 0, (node) => {
      if (!(node instanceof Text)) throw new EditError("No text is at the path.");
      const editor = node.edit();
      // Reading a position flattens the string once; afterwards each slice is cheap.
      const { inserted } = this;
      let at = 0;
      for (let i = 0; i < first; i++) at += this.insertLens[i] as number;
      try {
        for (let i = first; i < this.count; i++) {
          const length = this.insertLens[i] as number;
          editor.splice(this.indexes[i] as number, this.deletes[i] as number, inserted.slice(at, at + length));
          at += length;
        }
      } catch (cause) {
        throw new EditError("A splice is outside of the text.", { cause });
      }
      return editor.finish();
    }) as MapNode;
  }
}
