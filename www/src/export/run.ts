/** Gives all notes back as the files they are: same paths, same bytes. */
import type { DocumentId } from "@dao/avatar";
import { theAvatar } from "../node/avatar";
import { NOTE, type Note } from "../node/notes";
import { encodeFile } from "../markdown/encoding";
import { exportPaths } from "../markdown/paths";
import { codeOf, wordsFor } from "../node/words";

export interface ExportProgress {
  readonly done: number;
  readonly total: number;
}

export interface ExportSummary {
  readonly count: number;
  readonly bytes: number;
  readonly cancelled: boolean;
  /** Notes that could not be read, with the reason. */
  readonly failed: readonly { readonly path: string; readonly text: string; readonly code: string }[];
}

/** Where exported files go. */
export interface Sink {
  write(path: string, bytes: Uint8Array<ArrayBuffer>, modified: Date): Promise<void>;
}

/** Notes that are read at once. */
const READ_AT_ONCE = 16;

/** Writes each note to `sink`, in a fixed order. A damaged note does not stop the others. */
export async function runExport(sink: Sink, onProgress: (progress: ExportProgress) => void, signal: AbortSignal): Promise<ExportSummary> {
  const { docs } = theAvatar();
  // By age: the same notes give the same paths in each export.
  const rows = await docs.query<Note>({ type: NOTE, orderBy: ["createdAt", "id"], select: ["title", "path"] }).get();
  const exported: { path: string; title: string }[] = [];
  for (const row of rows) {
    let { path = "", title = "" } = row.value;
    if (row.cut.includes("path")) {
      await using doc = await docs.open<Note>(row.id);
      path = doc.value.path;
    }
    exported.push({ path, title });
  }
  const paths = exportPaths(exported);
  const failed: { path: string; text: string; code: string }[] = [];
  let bytes = 0;
  let count = 0;
  onProgress({ done: 0, total: rows.length });
  const read = async (id: DocumentId): Promise<Uint8Array<ArrayBuffer> | { error: unknown }> => {
    try {
      await using doc = await docs.open<Note>(id);
      return encodeFile(doc.value.body ?? "", doc.value.encoding);
    } catch (error) {
      return { error };
    }
  };
  for (let start = 0; start < rows.length && !signal.aborted; start += READ_AT_ONCE) {
    const some = rows.slice(start, start + READ_AT_ONCE);
    const files = await Promise.all(some.map((row) => read(row.id)));
    for (const [offset, row] of some.entries()) {
      const path = paths[start + offset] as string;
      const file = files[offset] as (typeof files)[number];
      if ("error" in file) {
        failed.push({ path, text: wordsFor(file.error).text, code: codeOf(file.error) });
        continue;
      }
      await sink.write(path, file, row.updatedAt);
      bytes += file.length;
      count++;
    }
    onProgress({ done: start + some.length, total: rows.length });
  }
  return { count, bytes, cancelled: signal.aborted, failed };
}

/** Hands the browser a file to keep. */
export function download(name: string, parts: BlobPart[], type: string): void {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  // The browser reads the blob after the click has returned; it says nowhere when it is done.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
