/**
 * Binds an editor to the text of an open note, both ways. What is typed goes to the document as splices; what others type comes as patches and moves the cursor as it should.
 * The document is the truth: whenever the two differ after a patch, the editor takes over the document's text.
 */
import type { Doc, DocPatch } from "@dao/avatar";
import { Annotation, EditorState, Text, Transaction, type Extension } from "@codemirror/state";
import { EditorView, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import { minimalEdit } from "../markdown/edits";
import type { Note } from "../node/notes";
import { isCrlf, toEditor, toNote } from "./line-breaks";

/** Marks transactions that came from the document, so that they are not sent back. */
export const fromDocument = Annotation.define<boolean>();

const BODY = "body";

export interface Binding {
  /** The text as the editor shall hold it, for its first state. */
  readonly text: Text;
  readonly extension: Extension;
}

/** Called with each write that the binding makes. */
export type OnWrite = (write: Promise<void>) => void;

/** @param isUndoing whether an undo or redo of this person is under way: then the cursor goes to where the text changes, as in any editor. */
export function bindNote(doc: Doc<Note>, onWrite: OnWrite, isUndoing: () => boolean): Binding {
  const body = doc.value.body ?? "";
  const crlf = isCrlf(body);
  const plugin = ViewPlugin.define((view) => {
    const stop = doc.subscribe((event) => {
      if (event.source === "remote") takePatches(view, doc, event.patches, crlf, isUndoing());
    });
    return {
      update(update: ViewUpdate): void {
        for (const transaction of update.transactions) if (transaction.docChanged && !transaction.annotation(fromDocument)) send(doc, transaction, crlf, onWrite);
      },
      destroy: stop,
    };
  });
  // CodeMirror would also split lines at a lone CR and so lose it.
  return { text: Text.of(toEditor(body, crlf).split("\n")), extension: [plugin, EditorState.lineSeparator.of("\n")] };
}

/** Sends what was typed. Changes of a transaction are sorted; each is told in positions that hold after those before it. */
function send(doc: Doc<Note>, transaction: Transaction, crlf: boolean, onWrite: OnWrite): void {
  const before = transaction.startState.doc;
  let shift = 0;
  transaction.changes.iterChanges((from, to, _fromNew, _toNew, inserted) => {
    const start = crlf ? from + before.lineAt(from).number - 1 : from;
    const end = crlf ? to + before.lineAt(to).number - 1 : to;
    const insert = toNote(inserted.sliceString(0), crlf);
    onWrite(doc.splice([BODY], start + shift, end - start, insert));
    shift += insert.length - (end - start);
  });
}

/** Applies what happened elsewhere. */
function takePatches(view: EditorView, doc: Doc<Note>, patches: readonly DocPatch[], crlf: boolean, follow: boolean): void {
  if (!patches.some((patch) => patch.path[0] === BODY)) return;
  if (!crlf) {
    for (const patch of patches) {
      if (patch.path[0] !== BODY || patch.op !== "splice") continue;
      const { length } = view.state.doc;
      const from = Math.min(patch.index, length);
      apply(view, { from, to: Math.min(from + patch.delete, length), insert: Text.of(patch.insert.split("\n")) }, follow);
    }
  }
  // Comparing costs the text's length, once for each batch of remote edits; being wrong would cost the person's words.
  const wanted = toEditor(doc.value.body ?? "", crlf);
  const edit = minimalEdit(view.state.sliceDoc(), wanted);
  if (edit) apply(view, { from: edit.from, to: edit.to, insert: Text.of(edit.insert.split("\n")) }, follow);
}

function apply(view: EditorView, change: { from: number; to: number; insert: Text }, follow: boolean): void {
  const cursor = follow ? { selection: { anchor: change.from + change.insert.length }, scrollIntoView: true } : {};
  view.dispatch({ changes: change, ...cursor, annotations: [fromDocument.of(true), Transaction.remote.of(true), Transaction.addToHistory.of(false)] });
}
