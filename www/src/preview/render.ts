/** Markdown to safe HTML: markdown-it makes it, DOMPurify lets through only what a note needs, as Trusted HTML. */
import DOMPurify from "dompurify";
import MarkdownIt from "markdown-it";
import { readFrontMatter } from "../markdown/front-matter";
import { linkKey, resolveMarkdownTarget } from "../markdown/links";

const markdown = new MarkdownIt({ html: true, linkify: true, typographer: false });

// `[[Target#heading|label]]` becomes a link of the app; the page opens it by its data attribute.
markdown.inline.ruler.before("link", "wiki-link", (state, silent) => {
  if (state.src.charCodeAt(state.pos) !== 0x5b || state.src.charCodeAt(state.pos + 1) !== 0x5b) return false;
  const match = /^\[\[([^[\]\r\n|]+)(?:\|([^[\]\r\n]*))?\]\]/.exec(state.src.slice(state.pos, state.pos + 600));
  const target = match?.[1]?.split("#")[0]?.trim();
  if (!match || !target) return false;
  if (!silent) {
    const open = state.push("link_open", "a", 1);
    open.attrs = [["href", "#/"], ["data-note", linkKey(target)], ["data-title", target]];
    state.push("text", "", 0).content = match[2]?.trim() || (match[1] as string).trim();
    state.push("link_close", "a", -1);
  }
  state.pos += match[0].length;
  return true;
});

// Cells are aligned with a style attribute, which the CSP refuses.
for (const name of ["th_open", "td_open"]) {
  markdown.renderer.rules[name] = (tokens, index, options, _env, self) => {
    const token = tokens[index] as (typeof tokens)[number];
    const align = /text-align:(\w+)/.exec(String(token.attrGet("style") ?? ""))?.[1];
    token.attrs = (token.attrs ?? []).filter(([attribute]) => attribute !== "style");
    if (align) token.attrSet("align", align);
    return self.renderToken(tokens, index, options);
  };
}

// `- [ ]` and `- [x]`.
markdown.core.ruler.after("inline", "task-list", (state) => {
  for (const [index, token] of state.tokens.entries()) {
    const [first] = token.children ?? [];
    if (token.type !== "inline" || state.tokens[index - 2]?.type !== "list_item_open" || first?.type !== "text") continue;
    const match = /^\[([ xX])\]\s+/.exec(first.content);
    if (!match) continue;
    first.content = `${match[1] === " " ? "☐" : "☑"} ${first.content.slice(match[0].length)}`;
    state.tokens[index - 2]?.attrSet("class", "task");
  }
});

const purifier = DOMPurify(window);

/** Addresses that need no network and run nothing. */
const LOCAL_IMAGE = /^(?:blob:|data:image\/(?:png|jpeg|gif|webp|avif);)/i;

purifier.addHook("uponSanitizeElement", (node, data) => {
  if (data.tagName !== "img" || !(node instanceof Element)) return;
  if (LOCAL_IMAGE.test(node.getAttribute("src") ?? "")) return;
  // A picture elsewhere would tell a stranger when and what this person reads (and the CSP refuses it): its words stand in.
  const label = node.ownerDocument.createElement("span");
  label.className = "image-away";
  label.textContent = node.getAttribute("alt") || "image";
  node.replaceWith(label);
});
purifier.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  const href = node.getAttribute("href") ?? "";
  if (/^https?:/i.test(href)) {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer");
  }
});

const ALLOWED_TAGS =
  "a abbr b blockquote br caption code dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strong sub summary sup table tbody td tfoot th thead tr u ul var".split(" ");
const ALLOWED_ATTR = ["href", "title", "alt", "src", "align", "class", "colspan", "rowspan", "start", "open", "data-note", "data-title", "dir", "lang", "width", "height"];

/** Shows the note in `element`, without its front matter and without a first heading that says the title again. */
export function renderMarkdown(body: string, title: string, element: HTMLElement): void {
  const { end } = readFrontMatter(body);
  const html = markdown.render(body.slice(end));
  // Trusted HTML where the browser has Trusted Types: DOMPurify's own policy, which the CSP names.
  element.innerHTML = purifier.sanitize(html, { ALLOWED_TAGS, ALLOWED_ATTR, ALLOW_DATA_ATTR: false, RETURN_TRUSTED_TYPE: true }) as unknown as string;
  const first = element.firstElementChild;
  if (first?.tagName === "H1" && first.textContent?.replace(/\s+/g, " ").trim() === title) first.remove();
}

/** What a click in the preview means. */
export type PreviewTarget = { readonly note: string; readonly title: string } | "elsewhere" | "nothing";

/** Reads a link of the preview. Links to Markdown files lead to their notes; other relative addresses lead nowhere here. */
export function previewTarget(link: Element, path: string): PreviewTarget {
  const note = link.getAttribute("data-note");
  if (note !== null) return { note, title: link.getAttribute("data-title") ?? note };
  const href = link.getAttribute("href") ?? "";
  const file = resolveMarkdownTarget(href, path);
  if (file !== undefined) return { note: linkKey(file), title: file.split("/").at(-1) ?? file };
  return /^(https?:|mailto:)/i.test(href) ? "elsewhere" : "nothing";
}
