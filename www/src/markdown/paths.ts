/** Paths of notes: where they come from and where the export puts them. */

const MARKDOWN = /\.(md|markdown|mdown|mkd|txt)$/i;
/** Folders that other tools keep for themselves inside a folder of notes. */
const TOOL_FOLDERS = new Set([".git", ".obsidian", ".trash"]);

/** Whether an import takes this file. */
export function isNotePath(path: string): boolean {
  const parts = path.split("/");
  return MARKDOWN.test(path) && !parts.slice(0, -1).some((part) => TOOL_FOLDERS.has(part));
}

/** A path that stays inside its folder: no empty, `.` or `..` parts, `/` only. */
export function cleanPath(path: string): string {
  return path
    .split(/[/\\]/)
    .filter((part) => part !== "" && part !== "." && part !== "..")
    .join("/");
}

// What Windows, macOS and Android refuse in file names, and what wiki links cannot name.
const UNSAFE = /[\u0000-\u001f\u007f<>:"/\\|?*[\]#^]/g;
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** A file name for a note that was made here. */
export function fileNameFor(title: string): string {
  const clean = [...title.replace(UNSAFE, " ").replace(/\s+/g, " ").trim().replace(/^\.+|[. ]+$/g, "")].slice(0, 80).join("").trim();
  if (clean === "") return "Untitled.md";
  return `${RESERVED.test(clean) ? `_${clean}` : clean}.md`;
}

/** What the export needs to know of a note. */
export interface Exported {
  readonly path: string;
  readonly title: string;
}

/**
 * Gives each note a path of its own. Imported notes keep theirs; where two want the same (also if they differ in case only, which most disks do not tell apart), the
 * later one gets a number. The order of the notes decides, so the same notes give the same paths.
 */
export function exportPaths(notes: readonly Exported[]): string[] {
  const taken = new Set<string>();
  const wanted = notes.map((note) => cleanPath(note.path) || fileNameFor(note.title));
  const result = new Array<string>(notes.length);
  // Where the numbering of a path goes on: hundreds of files may be called README.md.
  const nextNumber = new Map<string, number>();
  const place = (index: number): void => {
    const path = wanted[index] as string;
    const slash = path.lastIndexOf("/") + 1;
    const dot = path.lastIndexOf(".");
    const stem = dot > slash ? path.slice(0, dot) : path;
    const ending = dot > slash ? path.slice(dot) : "";
    let candidate = path;
    let number = nextNumber.get(path.toLowerCase()) ?? 2;
    for (; taken.has(candidate.toLowerCase()); number++) candidate = `${stem} ${number}${ending}`;
    nextNumber.set(path.toLowerCase(), number);
    taken.add(candidate.toLowerCase());
    result[index] = candidate;
  };
  // Those with a path of their own first: a note made here must not push an imported one aside.
  notes.forEach((note, index) => note.path !== "" && place(index));
  notes.forEach((note, index) => note.path === "" && place(index));
  return result;
}
