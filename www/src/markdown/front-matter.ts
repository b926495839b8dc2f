import { parseDocument } from "yaml";

/** Above this the block is text, not front matter: nobody writes that much by hand, and a parser of outside bytes needs a bound. */
const MAX_FRONT_MATTER_CHARS = 64 * 1024;

/** What the block at the head of a note says. */
export interface FrontMatter {
  /** Where the note's text begins, behind the block. 0 when there is none. */
  readonly end: number;
  /** The YAML between the fences, and where it stands. */
  readonly yaml: { readonly from: number; readonly to: number } | undefined;
  readonly title: string | undefined;
  readonly tags: readonly string[];
  readonly aliases: readonly string[];
  /** Why the block could not be read, for people. The block is then kept as it is and shown as text. */
  readonly problem: string | undefined;
}

const OPENING = /^\uFEFF?---[ \t]*\r?\n/;

/** Where the block is, without reading the YAML. */
export function findFrontMatter(text: string): { end: number; from: number; to: number } | "unclosed" | undefined {
  const opening = OPENING.exec(text);
  if (!opening) return undefined;
  const from = opening[0].length;
  const closing = /^(?:---|\.\.\.)[ \t]*(?:\r?\n|$)/gm;
  closing.lastIndex = from;
  const match = closing.exec(text.length > from + MAX_FRONT_MATTER_CHARS ? text.slice(0, from + MAX_FRONT_MATTER_CHARS) : text);
  if (!match) return "unclosed";
  return { from, to: match.index, end: match.index + match[0].length };
}

/** Reads the front matter of a note. It never throws: what cannot be read is reported in `problem`. */
export function readFrontMatter(text: string): FrontMatter {
  const none = { end: 0, yaml: undefined, title: undefined, tags: [], aliases: [], problem: undefined };
  const place = findFrontMatter(text);
  if (place === undefined) return none;
  if (place === "unclosed") {
    // A lone `---` may just be a line across the page; a key right behind it says that it was meant as front matter.
    const meant = /^\uFEFF?---[ \t]*\r?\n[A-Za-z_][\w-]*[ \t]*:/.test(text);
    return meant ? { ...none, problem: "The front matter has no closing “---” line." } : none;
  }
  const { from, to, end } = place;
  const yaml = { from, to };
  const read = readYaml(text.slice(from, to));
  if ("problem" in read) return { ...none, problem: read.problem };
  const fields = read.fields;
  return {
    end,
    yaml,
    title: scalarText(fields.title),
    tags: [...listOf(fields.tags), ...listOf(fields.tag)].flatMap((tag) => tag.split(/[\s,]+/)),
    aliases: [...listOf(fields.aliases), ...listOf(fields.alias)],
    problem: undefined,
  };
}

function readYaml(source: string): { fields: Record<string, unknown> } | { problem: string } {
  try {
    const document = parseDocument(source, { prettyErrors: true, logLevel: "silent" });
    const [error] = document.errors;
    if (error) return { problem: `The front matter is not valid YAML: ${firstLine(error.message)}` };
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    if (value === null || value === undefined) return { fields: {} };
    if (typeof value !== "object" || Array.isArray(value)) return { problem: "The front matter is not a list of “key: value” lines." };
    return { fields: value as Record<string, unknown> };
  } catch (error) {
    return { problem: `The front matter is not valid YAML: ${firstLine(error instanceof Error ? error.message : String(error))}` };
  }
}

const firstLine = (text: string): string => (text.split("\n")[0] ?? "").replace(/[.:]?$/, ".");

function scalarText(value: unknown): string | undefined {
  if (typeof value === "string") return value.trim() || undefined;
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (value instanceof Date) return value.toISOString().slice(0, 10);
  return undefined;
}

function listOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => scalarText(item) ?? []);
  const one = scalarText(value);
  return one === undefined ? [] : one.split(",").map((part) => part.trim()).filter(Boolean);
}
