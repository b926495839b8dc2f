/** Where an export goes: a zip file, or a folder on the disk. */
import { Zip, ZipDeflate, ZipPassThrough } from "fflate";
import type { Sink } from "./run";

/** Below this, compressing costs more than it saves. */
const STORE_BELOW_BYTES = 128;

/** A zip that grows in memory as Blob parts. `finish` gives them. */
export function zipSink(): Sink & { finish(): Promise<BlobPart[]> } {
  const parts: BlobPart[] = [];
  let failure: Error | undefined;
  let ended: () => void;
  const end = new Promise<void>((resolve) => (ended = resolve));
  const zip = new Zip((error, chunk, final) => {
    if (error) failure = error;
    else parts.push(chunk as Uint8Array<ArrayBuffer>);
    if (error || final) ended();
  });
  return {
    async write(path, bytes, modified) {
      const entry = bytes.length < STORE_BELOW_BYTES ? new ZipPassThrough(path) : new ZipDeflate(path, { level: 6 });
      // The format's dates begin in 1980.
      if (modified.getFullYear() >= 1980) entry.mtime = modified;
      zip.add(entry);
      entry.push(bytes, true);
      if (failure) throw failure;
    },
    async finish() {
      zip.end();
      await end;
      if (failure) throw failure;
      return parts;
    },
  };
}

/** Whether this browser can write into a folder. */
export const canWriteFolders = "showDirectoryPicker" in globalThis;

/** Writes into a folder that the person chose; files that are there with the same names are replaced. */
export function folderSink(root: FileSystemDirectoryHandle): Sink {
  const folders = new Map<string, Promise<FileSystemDirectoryHandle>>([["", Promise.resolve(root)]]);
  const folderFor = (path: string): Promise<FileSystemDirectoryHandle> => {
    let folder = folders.get(path);
    if (!folder) {
      const slash = path.lastIndexOf("/");
      folder = folderFor(path.slice(0, Math.max(slash, 0))).then((parent) => parent.getDirectoryHandle(path.slice(slash + 1), { create: true }));
      folders.set(path, folder);
    }
    return folder;
  };
  return {
    async write(path, bytes) {
      const slash = path.lastIndexOf("/");
      const folder = await folderFor(path.slice(0, Math.max(slash, 0)));
      const handle = await folder.getFileHandle(path.slice(slash + 1), { create: true });
      const stream = await handle.createWritable();
      await stream.write(bytes);
      await stream.close();
    },
  };
}
