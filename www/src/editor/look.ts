/** How Markdown looks while it is written. Colours are the page's tokens, so that both themes hold. */
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const style = HighlightStyle.define([
  { tag: tags.heading1, fontFamily: "var(--font-title)", fontSize: "1.6em", fontWeight: "600", lineHeight: "1.3" },
  { tag: tags.heading2, fontFamily: "var(--font-title)", fontSize: "1.32em", fontWeight: "600", lineHeight: "1.35" },
  { tag: tags.heading3, fontFamily: "var(--font-title)", fontSize: "1.14em", fontWeight: "600" },
  { tag: [tags.heading4, tags.heading5, tags.heading6], fontWeight: "650" },
  { tag: tags.strong, fontWeight: "680" },
  { tag: tags.emphasis, fontStyle: "italic" },
  { tag: tags.strikethrough, textDecoration: "line-through", color: "var(--ink-2)" },
  { tag: tags.link, color: "var(--accent-ink)" },
  { tag: tags.url, color: "var(--ink-2)" },
  { tag: tags.quote, color: "var(--ink-2)", fontStyle: "italic" },
  { tag: tags.monospace, fontFamily: "var(--font-mono)", fontSize: "0.9em", color: "var(--code-ink)" },
  { tag: [tags.processingInstruction, tags.contentSeparator, tags.meta, tags.labelName], color: "var(--ink-3)" },
  { tag: tags.list, color: "inherit" },
  { tag: [tags.comment, tags.angleBracket, tags.tagName, tags.attributeName, tags.attributeValue], color: "var(--ink-2)", fontFamily: "var(--font-mono)", fontSize: "0.9em" },
]);

const theme = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "transparent", fontSize: "var(--text-size)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--font-text)", lineHeight: "1.68", overflowX: "visible" },
  ".cm-content": { padding: "4px 0 40px", caretColor: "var(--accent)" },
  ".cm-line": { padding: "0 2px" },
  ".cm-cursor": { borderInlineStart: "2px solid var(--accent)", borderLeft: "none", marginInlineStart: "-1px" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--selection)" },
  ".cm-placeholder": { color: "var(--ink-3)" },
  ".cm-wiki-link": { color: "var(--accent-ink)", backgroundColor: "var(--accent-wash)", borderRadius: "4px", cursor: "pointer", padding: "1px 0" },
  // Whatever the Markdown parser takes the YAML for (it sees headings and rules), it looks like the small print it is.
  ".cm-front-matter, .cm-front-matter *": {
    fontFamily: "var(--font-mono)",
    fontSize: "13px !important",
    fontWeight: "400 !important",
    fontStyle: "normal !important",
    lineHeight: "1.6",
    color: "var(--ink-3) !important",
    background: "none",
  },
  ".cm-tag": { color: "var(--tag-ink)", fontWeight: "550" },
  ".cm-panels": { backgroundColor: "var(--surface)", color: "var(--ink)", borderColor: "var(--line)" },
  ".cm-panels-top": { borderBottom: "1px solid var(--line)" },
  ".cm-panel.cm-search": { padding: "8px 0", fontSize: "14px" },
  ".cm-panel.cm-search label": { fontSize: "13px" },
  ".cm-textfield": { backgroundColor: "var(--field)", border: "1px solid var(--line-strong)", borderRadius: "6px", padding: "4px 8px", fontSize: "14px", color: "var(--ink)" },
  ".cm-button": { backgroundImage: "none", backgroundColor: "var(--field)", border: "1px solid var(--line-strong)", borderRadius: "6px", padding: "3px 10px", fontSize: "13px", color: "var(--ink)" },
  ".cm-panel.cm-search [name=close]": { color: "var(--ink-2)", fontSize: "20px", inset: "8px 0 auto auto" },
  ".cm-searchMatch": { backgroundColor: "var(--mark)" },
  ".cm-searchMatch-selected": { backgroundColor: "var(--mark-strong)" },
  ".cm-tooltip": { backgroundColor: "var(--surface)", border: "1px solid var(--line)", borderRadius: "10px", boxShadow: "var(--shadow-2)", overflow: "hidden" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--font-ui)", fontSize: "14px", maxHeight: "16em" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "6px 12px", lineHeight: "1.4" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent-wash)", color: "var(--ink)" },
  ".cm-completionDetail": { color: "var(--ink-2)", fontStyle: "normal", marginInlineStart: "1em", fontSize: "12px" },
  ".cm-completionIcon": { display: "none" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "650" },
});

export const look: Extension = [syntaxHighlighting(style), theme];
