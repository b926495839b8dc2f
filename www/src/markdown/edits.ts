import { isMap, isScalar, parseDocument } from "yaml";
import { maskCode } from "./code-mask";
import { readFrontMatter } from "./front-matter";
import { inlineTags, normaliseTag } from "./tags";
import { findHeading } from "./title";

/** One replacement in a text, in UTF-16 code units. */
export interface TextEdit {
  readonly from: number;
  readonly to: number;
  readonly insert: string;
}

/** Applies edits that are sorted and do not overlap. */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  let result = "";
  let done = 0;
  for (const edit of edits) {
    result += text.slice(done, edit.from) + edit.insert;
    done = edit.to;
  }
  return result + text.slice(done);
}

/** The smallest single edit that turns `before` into `after`, never cutting a surrogate pair; `undefined` when they are equal. */
export function minimalEdit(before: string, after: string): TextEdit | undefined {
  if (before === after) return undefined;
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before.charCodeAt(start) === after.charCodeAt(start)) start++;
  let same = 0;
  while (same < shorter - start && before.charCodeAt(before.length - 1 - same) === after.charCodeAt(after.length - 1 - same)) same++;
  const isHigh = (text: string, at: number): boolean => (text.charCodeAt(at) & 0xfc00) === 0xd800;
  if (start > 0 && isHigh(before, start - 1)) start--;
  if (same > 0 && isHigh(before, before.length - same - 1)) same--;
  return { from: start, to: before.length - same, insert: after.slice(start, after.length - same) };
}

const lineBreakOf = (text: string): string => (/\r\n/.test(text.slice(0, 4096)) ? "\r\n" : "\n");

/**
 * Changes the title where the text says it: in the front matter, else in the first heading. `undefined` when the text says none and the title is a field of its own.
 */
export function setTitle(body: string, title: string): TextEdit[] | undefined {
  const front = readFrontMatter(body);
  if (front.title !== undefined && front.yaml) {
    const range = yamlValueRange(body.slice(front.yaml.from, front.yaml.to), "title");
    if (range) return [{ from: front.yaml.from + range.from, to: front.yaml.from + range.to, insert: range.lead + yamlString(title) }];
  }
  const heading = findHeading(maskCode(body), front.end);
  if (!heading || title.trim() === "") return undefined;
  return [{ from: heading.from, to: heading.to, insert: title.trim() }];
}

/** Adds a tag to the text: to the front matter's list where there is one, else as `#tag` on a last line. No edits when the text has it. */
export function addTag(body: string, rawTag: string): TextEdit[] {
  const tag = normaliseTag(rawTag);
  if (tag === undefined) return [];
  const front = readFrontMatter(body);
  const inline = inlineTags(maskCode(body), front.end);
  if (inline.some((found) => found.tag === tag) || front.tags.some((found) => normaliseTag(found) === tag)) return [];
  if (front.yaml) {
    const source = body.slice(front.yaml.from, front.yaml.to);
    const range = yamlValueRange(source, "tags");
    const insert = `[${[...front.tags, tag].map(yamlString).join(", ")}]`;
    if (range) return [{ from: front.yaml.from + range.from, to: front.yaml.from + range.to, insert: range.lead + insert }];
    return [{ from: front.yaml.to, to: front.yaml.to, insert: `tags: [${yamlString(tag)}]${lineBreakOf(body)}` }];
  }
  // A bare number or the like is no inline tag; only front matter can hold it.
  if (inlineTags(`#${tag}`).length === 0) return [{ from: 0, to: 0, insert: `---${lineBreakOf(body)}tags: [${yamlString(tag)}]${lineBreakOf(body)}---${lineBreakOf(body)}` }];
  const eol = lineBreakOf(body);
  const last = body.trimEnd();
  const tagLine = /(?:^|\n)(?:#[\p{L}\p{N}_/-]+[ \t]*)+$/u.test(last);
  if (tagLine) return [{ from: last.length, to: last.length, insert: ` #${tag}` }];
  return [{ from: body.length, to: body.length, insert: body.trim() === "" ? `#${tag}${eol}` : `${body.endsWith("\n") ? eol : eol + eol}#${tag}${eol}` }];
}

/** Takes a tag out of the text: out of the front matter, and each `#tag` out of the prose. */
export function removeTag(body: string, rawTag: string): TextEdit[] {
  const tag = normaliseTag(rawTag);
  if (tag === undefined) return [];
  const edits: TextEdit[] = [];
  const front = readFrontMatter(body);
  if (front.yaml && front.tags.some((found) => normaliseTag(found) === tag)) {
    const source = body.slice(front.yaml.from, front.yaml.to);
    for (const key of ["tags", "tag"]) {
      const range = yamlValueRange(source, key);
      if (!range) continue;
      const left = front.tags.filter((found) => normaliseTag(found) !== tag && normaliseTag(found) !== undefined);
      const insert = key === "tags" || !yamlValueRange(source, "tags") ? `[${left.map(yamlString).join(", ")}]` : "[]";
      edits.push({ from: front.yaml.from + range.from, to: front.yaml.from + range.to, insert: range.lead + insert });
    }
  }
  for (const found of inlineTags(maskCode(body), front.end)) {
    if (found.tag !== tag) continue;
    // With the space before it, so that no double space stays.
    const from = /[ \t]/.test(body[found.from - 1] ?? "") ? found.from - 1 : found.from;
    edits.push({ from, to: found.to, insert: "" });
  }
  return edits.sort((a, b) => a.from - b.from);
}

/** Where the value of a top-level key stands in a YAML source, and what must stand between the key's colon and a new value. */
function yamlValueRange(source: string, key: string): { from: number; to: number; lead: string } | undefined {
  const { contents } = parseDocument(source, { logLevel: "silent" });
  if (!isMap(contents)) return undefined;
  const pair = contents.items.find((item) => isScalar(item.key) && item.key.value === key);
  const keyEnd = (pair?.key as { range?: [number, number, number] | null } | undefined)?.range?.[1];
  const value = pair?.value as { range?: [number, number, number] | null } | null | undefined;
  if (keyEnd === undefined || !value?.range) return undefined;
  // From the colon on: a block list or an empty value begins on the next line, or nowhere.
  const from = source.indexOf(":", keyEnd) + 1;
  const to = Math.max(from, value.range[0] + source.slice(value.range[0], value.range[1]).trimEnd().length);
  return { from, to, lead: " " };
}

/** A YAML string on one line: plain where that is safe, else in double quotes (whose escapes are those of JSON). */
function yamlString(text: string): string {
  return /^[\p{L}][\p{L}\p{N}_/ -]*$/u.test(text) && text === text.trim() && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text) ? text : JSON.stringify(text);
}
