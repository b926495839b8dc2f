/** `[[Wiki links]]` and `#tags` in the editor: marked, clickable, completed. */
import { type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { syntaxTree } from "@codemirror/language";
import { type Extension, RangeSetBuilder } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import { wikiLinks } from "../markdown/links";
import { inlineTags } from "../markdown/tags";
import { suggestTitles } from "../node/notes";
import { allTags } from "../node/tags";

const linkMark = Decoration.mark({ class: "cm-wiki-link" });
const tagMark = Decoration.mark({ class: "cm-tag" });

/** Marks in the lines that are drawn. Code is left alone: the parser knows where it is. */
function marks(view: EditorView): DecorationSet {
  const builder = new RangeSetBuilder<Decoration>();
  for (const { from, to } of view.visibleRanges) {
    const first = view.state.doc.lineAt(from);
    const text = view.state.sliceDoc(first.from, to);
    const found = [
      ...wikiLinks(text).map((link) => ({ from: first.from + link.from, to: first.from + link.to, mark: linkMark })),
      ...inlineTags(text).map((tag) => ({ from: first.from + tag.from, to: first.from + tag.to, mark: tagMark })),
    ].sort((a, b) => a.from - b.from);
    let end = -1;
    for (const item of found) {
      if (item.from < end || inCode(view, item.from)) continue;
      builder.add(item.from, item.to, item.mark);
      end = item.to;
    }
  }
  return builder.finish();
}

function inCode(view: EditorView, position: number): boolean {
  for (let node: { name: string; parent: unknown } | null = syntaxTree(view.state).resolveInner(position, 1); node; node = node.parent as typeof node) {
    if (/Code|Comment|URL/.test(node.name)) return true;
  }
  return false;
}

const highlighter = ViewPlugin.fromClass(
  class {
    decorations: DecorationSet;
    constructor(view: EditorView) {
      this.decorations = marks(view);
    }
    update(update: ViewUpdate): void {
      if (update.docChanged || update.viewportChanged || syntaxTree(update.startState) !== syntaxTree(update.state)) this.decorations = marks(update.view);
    }
  },
  { decorations: (plugin) => plugin.decorations },
);

export interface LinkActions {
  openLink(target: string): void;
  openTag(tag: string): void;
}

/** Opens a link that is clicked. A plain click inside the link that is being edited only moves the cursor; with Ctrl (⌘) it always opens. */
function clicks(actions: LinkActions): Extension {
  return EditorView.domEventHandlers({
    mousedown(event, view) {
      if (event.button !== 0 || !(event.target instanceof Element)) return false;
      const onLink = event.target.closest(".cm-wiki-link");
      const onTag = event.target.closest(".cm-tag");
      const forced = event.ctrlKey || event.metaKey;
      if (!onLink && !(onTag && forced)) return false;
      const position = view.posAtCoords({ x: event.clientX, y: event.clientY });
      if (position === null) return false;
      const line = view.state.doc.lineAt(position);
      const column = position - line.from;
      const link = wikiLinks(line.text).find((item) => item.from <= column && column <= item.to);
      if (link) {
        const { head } = view.state.selection.main;
        const editing = view.hasFocus && head >= line.from + link.from && head <= line.from + link.to;
        if (editing && !forced) return false;
        event.preventDefault();
        actions.openLink(link.target);
        return true;
      }
      const tag = inlineTags(line.text).find((item) => item.from <= column && column <= item.to);
      if (!tag) return false;
      event.preventDefault();
      actions.openTag(tag.tag);
      return true;
    },
  });
}

/** Completes `[[` with titles and `#` with tags. */
export async function complete(context: CompletionContext): Promise<CompletionResult | null> {
  const link = context.matchBefore(/\[\[[^[\]\n|#]*/);
  if (link) {
    const words = link.text.slice(2);
    const notes = await suggestTitles(words);
    if (context.aborted) return null;
    const after = context.state.sliceDoc(context.pos, context.pos + 2);
    return {
      from: link.from + 2,
      filter: false,
      options: notes
        .filter((note) => note.title !== "")
        .map((note) => ({ label: note.title, type: "text", apply: after === "]]" ? note.title : `${note.title}]]`, ...(note.path ? { detail: note.path } : {}) })),
    };
  }
  const tag = context.matchBefore(/(?:^|[\s(])#[\p{L}\p{N}_/-]+/u);
  if (!tag) return null;
  const from = tag.from + tag.text.indexOf("#") + 1;
  return { from, options: allTags.peek().map((item) => ({ label: item.tag, type: "keyword", detail: String(item.count) })), validFor: /^[\p{L}\p{N}_/-]*$/u };
}

export function wikiLinksExtension(actions: LinkActions): Extension {
  return [highlighter, clicks(actions)];
}
