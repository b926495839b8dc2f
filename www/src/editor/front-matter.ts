/** Front matter in the editor: quiet, and not taken for headings. */
import { RangeSetBuilder, StateField, type EditorState, type Extension } from "@codemirror/state";
import { Decoration, EditorView, type DecorationSet } from "@codemirror/view";
import { findFrontMatter } from "../markdown/front-matter";

/** No front matter is longer than this (see readFrontMatter). */
const LOOK_AT_CHARS = 66 * 1024;
const line = Decoration.line({ class: "cm-front-matter" });

function decorate(state: EditorState): DecorationSet {
  if (!/^\uFEFF?---/.test(state.sliceDoc(0, 4))) return Decoration.none;
  const place = findFrontMatter(state.sliceDoc(0, LOOK_AT_CHARS));
  if (place === undefined || place === "unclosed") return Decoration.none;
  const builder = new RangeSetBuilder<Decoration>();
  for (let at = state.doc.lineAt(0); at.from < place.end; at = state.doc.line(at.number + 1)) {
    builder.add(at.from, at.from, line);
    if (at.number === state.doc.lines) break;
  }
  return builder.finish();
}

export const frontMatter: Extension = StateField.define<DecorationSet>({
  create: decorate,
  update: (decorations, transaction) => (transaction.docChanged ? decorate(transaction.state) : decorations),
  provide: (field) => EditorView.decorations.from(field),
});
