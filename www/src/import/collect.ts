/** Where the files of an import come from: pickers, drops, folders. All end as one list of paths with a way to read each. */
import type { Dropped } from "../shell/drop-target";

/** A file that was found. */
export interface FoundFile {
  /** Path from where the person pointed, `/` between folders. */
  readonly path: string;
  readonly open: () => Promise<File>;
}

/** Files of an `<input type="file">`, of one that takes folders too. */
export function fromInput(files: Iterable<File>): FoundFile[] {
  return Array.from(files, (file) => ({ path: file.webkitRelativePath || file.name, open: () => Promise.resolve(file) }));
}

/** Files and folders of a drop. */
export async function filesOf(dropped: Dropped): Promise<FoundFile[]> {
  const found = fromInput(dropped.files);
  for (const entry of dropped.entries) await walk(entry, found);
  return found;
}

async function walk(entry: FileSystemEntry, found: FoundFile[]): Promise<void> {
  if (entry.isFile) {
    const file = entry as FileSystemFileEntry;
    found.push({ path: entry.fullPath.replace(/^\//, ""), open: () => new Promise((resolve, reject) => file.file(resolve, reject)) });
  } else if (entry.isDirectory) {
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    // A reader gives some entries at a time (Chromium: 100) and an empty list at the end.
    for (;;) {
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
      if (some.length === 0) break;
      for (const child of some) await walk(child, found);
    }
  }
}
