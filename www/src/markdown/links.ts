import { foldName } from "./fold";

/** Index lists hold at most 256 items. */
export const MAX_LINKS = 256;
/** Longer names are no names; the index would cut them. */
const MAX_TARGET_CHARS = 200;

/** A `[[wiki link]]` in a text. */
export interface WikiLink {
  /** What it points to, as written, without heading and alias. */
  readonly target: string;
  /** What is shown. */
  readonly label: string;
  readonly from: number;
  readonly to: number;
}

const WIKI_LINK = /\[\[([^[\]\r\n|]+)(?:\|([^[\]\r\n]*))?\]\]/g;
const MARKDOWN_LINK = /\]\(\s*<?([^()\s<>]+)>?(?:\s+["'(][^\r\n]*?["')])?\s*\)/g;

/** The wiki links in `masked` (see {@link maskCode}), or in any single line. */
export function wikiLinks(masked: string): WikiLink[] {
  const found: WikiLink[] = [];
  for (const match of masked.matchAll(WIKI_LINK)) {
    const target = ((match[1] as string).split("#")[0] as string).trim();
    if (target === "" || target.length > MAX_TARGET_CHARS) continue;
    const label = (match[2] ?? "").trim() || (match[1] as string).trim();
    found.push({ target, label, from: match.index, to: match.index + match[0].length });
  }
  return found;
}

/** Where `[text](some/file.md)` in a note at `path` points to: a path from the root of the notes, without ending; `undefined` for anything else. */
export function resolveMarkdownTarget(target: string, path: string): string | undefined {
  if (/^[a-z][a-z\d+.-]*:/i.test(target) || target.startsWith("//") || target.startsWith("#")) return undefined;
  const file = (target.split(/[?#]/)[0] as string).replace(/^<|>$/g, "");
  if (!/\.(md|markdown|mdown|mkd)$/i.test(file)) return undefined;
  let decoded = file;
  try {
    decoded = decodeURIComponent(file);
  } catch {
    // A stray percent sign: the target is what is written.
  }
  const parts = decoded.startsWith("/") ? [] : path.split("/").slice(0, -1);
  for (const part of decoded.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return withoutExtension(parts.join("/"));
}

/** The file name or path without its Markdown ending. */
export function withoutExtension(path: string): string {
  return path.replace(/\.(md|markdown|mdown|mkd|txt)$/i, "");
}

/** How a link target is stored and looked up. */
export function linkKey(target: string): string {
  return foldName(withoutExtension(target.replace(/^\/+/, "")));
}

/** Keys of everything that a note's text links to, each once. */
export function linkKeys(masked: string, path: string): string[] {
  const keys = new Set<string>();
  for (const link of wikiLinks(masked)) keys.add(linkKey(link.target));
  for (const match of masked.matchAll(MARKDOWN_LINK)) {
    const target = resolveMarkdownTarget(match[1] as string, path);
    if (target !== undefined && target.length <= MAX_TARGET_CHARS) keys.add(linkKey(target));
  }
  keys.delete("");
  return [...keys].slice(0, MAX_LINKS);
}

/** Keys by which others may link to a note. */
export function nameKeys(note: { title: string; path: string; aliases?: readonly string[] }): string[] {
  const file = note.path.split("/").at(-1) ?? "";
  const keys = [note.title, file, note.path, ...(note.aliases ?? [])].filter((name) => name.length <= MAX_TARGET_CHARS).map(linkKey);
  return [...new Set(keys)].filter((key) => key !== "").slice(0, 32);
}
