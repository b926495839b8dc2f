import { plainText } from "./plain-text";
import { withoutExtension } from "./links";

export const MAX_TITLE_CHARS = 200;
/** A heading further down names a section, not the note; and looking further costs time on huge files. */
const HEADING_WITHIN_CHARS = 16 * 1024;

/** Where the first heading of level 1 stands in the text: its words only, without `#`. */
export function findHeading(masked: string, from: number): { from: number; to: number; lineEnd: number } | undefined {
  const head = masked.slice(from, from + HEADING_WITHIN_CHARS);
  const atx = /^ {0,3}#[ \t]+(\S[^\r\n]*?)(?:[ \t]+#+)?[ \t]*(?=\r?$)/m.exec(head);
  const setext = /^ {0,3}(?![-*+>#|]|\d+[.)]\s)(\S[^\r\n]*?)[ \t]*\r?\n {0,3}=+[ \t]*(?=\r?$)/m.exec(head);
  const match = atx && setext ? (atx.index < setext.index ? atx : setext) : (atx ?? setext);
  if (!match) return undefined;
  const start = from + match.index + match[0].indexOf(match[1] as string);
  return { from: start, to: start + (match[1] as string).length, lineEnd: from + match.index + match[0].length };
}

/** The words of the heading at `place`, or `undefined` when nothing readable is there (an image alone). */
export function headingTitle(text: string, place: { from: number; to: number }): string | undefined {
  return cleanTitle(plainText(text.slice(place.from, place.to)));
}

/** A title of sensible length, or `undefined`. */
export function cleanTitle(title: string): string | undefined {
  const clean = title.replace(/\s+/g, " ").trim();
  if (clean === "") return undefined;
  return clean.length <= MAX_TITLE_CHARS ? clean : `${[...clean.slice(0, MAX_TITLE_CHARS)].slice(0, -1).join("")}…`;
}

/** The file's name, for notes whose text names no title. */
export function titleFromPath(path: string): string | undefined {
  return cleanTitle(withoutExtension(path.split("/").at(-1) ?? ""));
}
