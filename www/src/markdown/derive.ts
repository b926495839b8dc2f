import { cutToBytes, foldText } from "./fold";
import { maskCode } from "./code-mask";
import { readFrontMatter, type FrontMatter } from "./front-matter";
import { linkKeys, nameKeys } from "./links";
import { plainText } from "./plain-text";
import { inlineTags, uniqueTags } from "./tags";
import { cleanTitle, findHeading, headingTitle, titleFromPath } from "./title";

const EXCERPT_CHARS = 180;
/** The index cuts strings at 256 bytes: what lies behind could be shown but not found. */
const FIND_BYTES = 256;

/** What a note's text says about it. */
export interface TextFacts {
  /** The title that the text itself gives, in front matter or heading. */
  readonly ownTitle: string | undefined;
  readonly tags: readonly string[];
  readonly links: readonly string[];
  readonly aliases: readonly string[];
  readonly excerpt: string;
  readonly frontMatter: FrontMatter;
}

/** Reads a note's text. Pure, never throws, and linear in the text's length. */
export function readText(body: string, path: string): TextFacts {
  const frontMatter = readFrontMatter(body);
  const masked = maskCode(body);
  const heading = findHeading(masked, frontMatter.end);
  const text = heading ? headingTitle(body, heading) : undefined;
  const words = body.slice(frontMatter.end, frontMatter.end + 4096);
  const withoutHeading =
    heading && heading.lineEnd - frontMatter.end <= words.length ? words.slice(0, heading.from - frontMatter.end) + words.slice(heading.lineEnd - frontMatter.end) : words;
  return {
    ownTitle: (frontMatter.title === undefined ? undefined : cleanTitle(frontMatter.title)) ?? text,
    tags: uniqueTags([...frontMatter.tags, ...inlineTags(masked, frontMatter.end).map((found) => found.tag)]),
    links: linkKeys(masked, path),
    aliases: frontMatter.aliases,
    excerpt: [...plainText(withoutHeading).slice(0, EXCERPT_CHARS + 1)].slice(0, EXCERPT_CHARS).join(""),
    frontMatter,
  };
}

/** The fields that the index asks for; they follow from text, path and title. */
export interface DerivedFields {
  title: string;
  tags: string[];
  links: string[];
  names: string[];
  excerpt: string;
  find: string;
}

/**
 * All derived fields of a note.
 *
 * @param keep what the note has now: a title that was typed, and tags that the text does not say (an application set them).
 */
export function deriveFields(body: string, path: string, keep: { title?: string; tags?: readonly string[] } = {}): DerivedFields {
  const facts = readText(body, path);
  const title = facts.ownTitle ?? cleanTitle(keep.title ?? "") ?? titleFromPath(path) ?? "";
  const tags = uniqueTags([...facts.tags, ...(keep.tags ?? [])]);
  return {
    title,
    tags,
    links: [...facts.links],
    names: nameKeys({ title, path, aliases: facts.aliases }),
    excerpt: facts.excerpt,
    find: findText(title, tags, path, facts.excerpt),
  };
}

/** The one string that the filter looks in; the title comes first, so that it also sorts by title. */
export function findText(title: string, tags: readonly string[], path: string, excerpt: string): string {
  const parts = [title, tags.map((tag) => `#${tag}`).join(" "), path, excerpt].filter((part) => part !== "").map(foldText);
  return cutToBytes(parts.join(" · "), FIND_BYTES);
}
