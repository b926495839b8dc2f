/** Tags: `#word` in the text and `tags:` in the front matter. */

/** Index lists hold at most this many items. */
export const MAX_TAGS = 64;
const MAX_TAG_CHARS = 64;

// Letters, digits, `_ - /` with at least one letter, after white space or an opening bracket: `#1` is a number, `a#b` an anchor, `# x` a heading.
const INLINE_TAG = /(^|[\s([{,;])#([\p{L}\p{N}_/-]*[\p{L}_][\p{L}\p{N}_/-]*)/gu;

/** How a tag is stored: lower case, without `#`; `undefined` when nothing is left. */
export function normaliseTag(tag: string): string | undefined {
  const clean = tag
    .normalize("NFC")
    .trim()
    .replace(/^#+/, "")
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}_/-]+/gu, "-")
    .replace(/^[-/]+|[-/]+$/g, "")
    .slice(0, MAX_TAG_CHARS);
  return clean === "" ? undefined : clean;
}

/** A tag in the text: where its `#` stands and where it ends. */
export interface InlineTag {
  readonly tag: string;
  readonly from: number;
  readonly to: number;
}

/** Tags in `masked` (see {@link maskCode}), from `from` on. */
export function inlineTags(masked: string, from = 0): InlineTag[] {
  const found: InlineTag[] = [];
  for (const match of masked.slice(from).matchAll(INLINE_TAG)) {
    const tag = normaliseTag(match[2] as string);
    if (tag === undefined) continue;
    const at = from + match.index + (match[1] as string).length;
    found.push({ tag, from: at, to: at + 1 + (match[2] as string).length });
  }
  return found;
}

/** Each once, in order of appearance. */
export function uniqueTags(tags: Iterable<string>): string[] {
  const unique = new Set<string>();
  for (const raw of tags) {
    const tag = normaliseTag(raw);
    if (tag !== undefined && unique.size < MAX_TAGS) unique.add(tag);
  }
  return [...unique];
}
