/** Gives all notes back as the files they are: same paths, same bytes. */
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

/** Writes each note to `sink`. One note is open at a time. A damaged note does not stop the others. */
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
  for (const [index, row] of rows.entries()) {
    if (signal.aborted) break;
    const path = paths[index] as string;
    let file: Uint8Array<ArrayBuffer>;
    try {
      await using doc = await docs.open<Note>(row.id);
      file = encodeFile(doc.value.body ?? "", doc.value.encoding);
    } catch (error) {
      failed.push({ path, text: wordsFor(error).text, code: codeOf(error) });
      continue;
    }
    await sink.write(path, file, row.updatedAt);
    bytes += file.length;
    count++;
    if (index % 20 === 0) onProgress({ done: index + 1, total: rows.length });
  }
  onProgress({ done: rows.length, total: rows.length });
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
