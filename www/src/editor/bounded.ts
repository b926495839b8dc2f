/**
 * Markdown as the editor reads it, nested no deeper than a person nests. The highlighter walks the syntax tree by recursion: a line of five thousand ">" would be a tree as deep,
 * and more than the stack may hold.
 */
import { markdownLanguage } from "@codemirror/lang-markdown";
import { Language } from "@codemirror/language";
import type { InlineContext, MarkdownConfig, MarkdownParser } from "@lezer/markdown";

/** Quotes and lists inside each other, at most; what is deeper is a paragraph. */
const MAX_BLOCK_DEPTH = 100;

/** Characters in one paragraph that may open emphasis, links or images, at most; those after them are text. */
const MAX_MARKERS = 2_000;

/** The same such character so often in a row, at most: each two of a run are emphasis in emphasis. More is text, or a rule. */
const MAX_RUN = 100;

const MARKERS = new Set(["*", "_", "~", "[", "!"].map((marker) => marker.charCodeAt(0)));

const markersIn = new WeakMap<InlineContext, number>();

const bounded: MarkdownConfig = {
  parseBlock: [
    {
      name: "TooDeep",
      before: "Blockquote",
      parse(cx, line) {
        if (cx.depth < MAX_BLOCK_DEPTH) return false;
        const from = cx.lineStart + line.pos;
        cx.addElement(cx.elt("Paragraph", from, Math.max(from, cx.lineStart + line.text.length)));
        cx.nextLine();
        return true;
      },
    },
  ],
  parseInline: [
    {
      name: "TooMany",
      before: "Escape",
      parse(cx, next, pos) {
        if (!MARKERS.has(next)) return -1;
        let end = pos + 1;
        while (cx.char(end) === next) end++;
        const count = (markersIn.get(cx) ?? 0) + 1;
        markersIn.set(cx, count);
        return count > MAX_MARKERS || end - pos > MAX_RUN ? end : -1;
      },
    },
  ],
};

/** Not `markdown()`: it brings whole parsers for HTML, CSS and JavaScript, twice the size of the editor itself. */
export const markdown = new Language(markdownLanguage.data, (markdownLanguage.parser as MarkdownParser).configure(bounded), [], "markdown");
