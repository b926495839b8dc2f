/** Notes as documents: how they are made, found and linked. Lists and links ask the index; only an open note is loaded. */
import type { Doc, DocumentId, QuerySpec, Where } from "@dao/avatar";
import { cutToBytes, foldText } from "../markdown/fold";
import { linkKey } from "../markdown/links";
import type { NoteEncoding } from "../markdown/encoding";
import { theAvatar } from "./avatar";

/** The content of a document of type `note`. README.md describes the fields. */
export interface Note {
  title: string;
  body: string;
  path: string;
  tags: string[];
  links: string[];
  names: string[];
  excerpt: string;
  find: string;
  encoding?: NoteEncoding;
  /** For imported notes: the first half of the SHA-256 of the file, hex. Tells whether the file or the note has changed since. */
  imported?: string;
}

export const NOTE = "note";

export type SortOrder = "-updatedAt" | "updatedAt" | "-createdAt" | "title" | "-title";

/** What the list shows. */
export interface ListQuery {
  readonly words: string;
  readonly tag: string | undefined;
  readonly sort: SortOrder;
}

/** The condition for a list. */
export function whereFor({ words, tag }: Pick<ListQuery, "words" | "tag">): Where {
  const conditions: Where[] = [];
  if (tag !== undefined) conditions.push({ tags: { contains: tag } });
  // Each word must be there, in any order. A note that another application made may lack `find`; its title is looked at as it is.
  for (const word of words.split(/\s+/).filter(Boolean)) {
    const folded = foldText(word);
    if (folded !== "") conditions.push({ or: [{ find: { contains: cutToBytes(folded, 200) } }, { title: { contains: word } }] });
  }
  return conditions.length === 0 ? {} : { and: conditions };
}

const ORDER: Readonly<Record<SortOrder, readonly string[]>> = {
  "-updatedAt": ["-updatedAt"],
  updatedAt: ["updatedAt"],
  "-createdAt": ["-createdAt"],
  // `find` begins with the folded title: upper and lower case sort together.
  title: ["find", "title"],
  "-title": ["-find", "-title"],
};

/** The query for a window of the list. */
export function listSpec(list: ListQuery, offset: number, limit: number): QuerySpec<Note> {
  return { type: NOTE, where: whereFor(list), orderBy: ORDER[list.sort], offset, limit, select: ["title", "excerpt", "tags", "path"] };
}

/** Makes an empty note, or one with a title. */
export async function createNote(title = ""): Promise<Doc<Note>> {
  // Loaded on demand: the reader of front matter is not needed to show a list.
  const { deriveFields } = await import(/* webpackChunkName: "derive" */ "../markdown/derive");
  return theAvatar().docs.create<Note>(NOTE, { body: "", path: "", ...deriveFields("", "", { title }) });
}

/** Many files may be called README; among more than these the newest is as good as any. */
const SAME_NAME_LOOKED_AT = 50;

/** The note that a link's key means: by path first, then by title, then by file name or alias; the most recently edited where several have it. */
export async function findByName(key: string): Promise<DocumentId | undefined> {
  const rows = await theAvatar()
    .docs.query<Note>({ type: NOTE, where: { names: { contains: key } }, orderBy: ["-updatedAt"], limit: SAME_NAME_LOOKED_AT, select: ["title", "path"] })
    .get();
  const best = rows.find((row) => linkKey(row.value.path ?? "") === key) ?? rows.find((row) => linkKey(row.value.title ?? "") === key) ?? rows[0];
  return best?.id;
}

/** Notes that link to a note with these names. */
export function backlinksSpec(names: readonly string[], limit = 100): QuerySpec<Note> {
  return { type: NOTE, where: { or: names.map((name) => ({ links: { contains: name } })) }, orderBy: ["-updatedAt"], limit, select: ["title", "excerpt"] };
}

/** Titles for the completion of `[[`, best effort. */
export async function suggestTitles(words: string, limit = 20): Promise<{ id: DocumentId; title: string; path: string }[]> {
  const results = await theAvatar()
    .docs.query<Note>({ type: NOTE, where: whereFor({ words, tag: undefined }), orderBy: words === "" ? ["-updatedAt"] : ["find"], limit, select: ["title", "path"] })
    .get();
  return results.map((row) => ({ id: row.id, title: row.value.title ?? "", path: row.value.path ?? "" }));
}

/** What is shown for a note without a title. */
export const shownTitle = (title: string | undefined): string => (title === undefined || title === "" ? "Untitled" : title);
