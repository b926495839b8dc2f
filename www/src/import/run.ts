/** Brings files in as notes: exact text, derived fields, in batches, with progress and cancel. */
import type { DocumentId } from "@dao/avatar";
import { theAvatar } from "../node/avatar";
import { NOTE, type Note } from "../node/notes";
import { deriveFields } from "../markdown/derive";
import { minimalEdit } from "../markdown/edits";
import { decodeFile, encodeFile } from "../markdown/encoding";
import { readFrontMatter } from "../markdown/front-matter";
import { cleanPath, isNotePath } from "../markdown/paths";
import type { FoundFile } from "./collect";

/** A note is one document that an editor shows: beyond this it is no note any more. */
export const MAX_NOTE_BYTES = 8 * 1024 * 1024;
const BATCH_FILES = 100;
const BATCH_BYTES = 1024 * 1024;
/** Batches on their way at once: the next is read while the last are written. */
const BATCHES_IN_FLIGHT = 4;
/** Files that are read at once. */
const READ_AT_ONCE = 16;
/** Rather than keep the page busy, let it draw after this. */
const BUSY_MS = 24;

export type NoticeCode = "FRONT_MATTER" | "TOO_LARGE" | "NOT_TEXT" | "UNREADABLE" | "ENCODING" | "KEPT_BOTH";

/** Something to know about one file. */
export interface Notice {
  readonly path: string;
  readonly code: NoticeCode;
  readonly text: string;
  /** Whether the file did not come in. */
  readonly refused: boolean;
}

export interface Progress {
  readonly done: number;
  readonly total: number;
}

export interface Summary {
  readonly imported: number;
  /** Were here already, the same. */
  readonly unchanged: number;
  /** Were here, and the file is newer. */
  readonly updated: number;
  /** Other kinds of files, which an import leaves out. */
  readonly skipped: number;
  readonly refused: number;
  readonly cancelled: boolean;
  readonly notices: readonly Notice[];
  /** One of the new notes, to open when there is but one. */
  readonly firstId: DocumentId | undefined;
}

/** Runs an import. What is in stays in when it is cancelled or fails; a failure of storage rejects with its error. */
export async function runImport(found: readonly FoundFile[], onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<Summary> {
  const files = found.map((file) => ({ ...file, path: cleanPath(file.path) })).filter((file) => isNotePath(file.path));
  const here = await notesByPath();
  const repeated = countPaths(files);
  const notices: Notice[] = [];
  let imported = 0;
  let unchanged = 0;
  let updated = 0;
  let refused = 0;
  let done = 0;
  let firstId: DocumentId | undefined;
  let batch: Note[] = [];
  let batchBytes = 0;
  const report = (): void => onProgress({ done, total: files.length });
  const inFlight = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;
  const flush = async (): Promise<void> => {
    if (batch.length > 0) {
      const writing = theAvatar()
        .docs.createMany<Note>(NOTE, batch)
        .then(
          (ids) => {
            firstId ??= ids[0];
            imported += ids.length;
            done += ids.length;
            report();
          },
          (error: unknown) => void (failure ??= { error }),
        )
        .finally(() => inFlight.delete(writing));
      inFlight.add(writing);
      batch = [];
      batchBytes = 0;
    }
    while (inFlight.size >= BATCHES_IN_FLIGHT) await Promise.race(inFlight);
  };
  const refuse = (path: string, code: NoticeCode, text: string): void => {
    refused++;
    done++;
    notices.push({ path, code, text, refused: true });
  };

  report();
  let breath = performance.now();
  for await (const { file, read } of readAhead(files)) {
    if (signal.aborted || failure) break;
    if (performance.now() - breath > BUSY_MS) {
      report();
      await nextTask();
      breath = performance.now();
    }
    if ("code" in read) {
      refuse(file.path, read.code, read.text);
      continue;
    }
    const { bytes, hash } = read;
    const decoded = decodeFile(bytes);
    if ("refused" in decoded) {
      refuse(file.path, "NOT_TEXT", "This is no text file.");
      continue;
    }
    const known = here.get(file.path) ?? [];
    if (known.some((note) => note.imported === hash)) {
      unchanged++;
      done++;
      continue;
    }
    const only = known.length === 1 && repeated.get(file.path) === 1 ? known[0] : undefined;
    if (only && (await updateUntouched(only.id, only.imported, decoded.text, hash))) {
      updated++;
      done++;
      continue;
    }
    if (only) notices.push({ path: file.path, code: "KEPT_BOTH", text: "The file and the note here have both changed: both are kept.", refused: false });
    const { problem } = readFrontMatter(decoded.text);
    if (problem !== undefined) notices.push({ path: file.path, code: "FRONT_MATTER", text: `${problem} It was kept as text.`, refused: false });
    if (decoded.encoding !== undefined) notices.push({ path: file.path, code: "ENCODING", text: `The file is in ${decoded.encoding}, not UTF-8; the export writes it the same way.`, refused: false });
    batch.push({
      body: decoded.text,
      path: file.path,
      ...deriveFields(decoded.text, file.path),
      imported: hash,
      ...(decoded.encoding === undefined ? {} : { encoding: decoded.encoding }),
    });
    batchBytes += bytes.length;
    if (batch.length >= BATCH_FILES || batchBytes >= BATCH_BYTES) await flush();
  }
  await flush();
  await Promise.all(inFlight);
  if (failure) throw failure.error;
  report();
  return { imported, unchanged, updated, skipped: found.length - files.length, refused, cancelled: signal.aborted, notices, firstId };
}

type Read = { readonly bytes: Uint8Array<ArrayBuffer>; readonly hash: string } | { readonly code: NoticeCode; readonly text: string };

/** The files with their bytes, in order, some read ahead. */
async function* readAhead(files: readonly FoundFile[]): AsyncGenerator<{ file: FoundFile; read: Read }> {
  for (let start = 0; start < files.length; start += READ_AT_ONCE) {
    const some = files.slice(start, start + READ_AT_ONCE);
    const reads = await Promise.all(some.map(readFile));
    for (const [index, file] of some.entries()) yield { file, read: reads[index] as Read };
  }
}

async function readFile(file: FoundFile): Promise<Read> {
  try {
    const opened = await file.open();
    // The size is known before a byte is read: a huge file costs nothing.
    if (opened.size > MAX_NOTE_BYTES) return { code: "TOO_LARGE", text: `${(opened.size / 1e6).toFixed(0)} MB is more than a note can hold (8 MB). The file stays where it is.` };
    const bytes = new Uint8Array(await opened.arrayBuffer());
    return { bytes, hash: await fileHash(bytes) };
  } catch (error) {
    return { code: "UNREADABLE", text: `The browser could not read it: ${error instanceof Error ? error.message : String(error)}` };
  }
}

interface Known {
  readonly id: DocumentId;
  readonly imported: string | undefined;
}

/** Notes that came from files, by path: so that a second import of the same folder brings only what is new. */
async function notesByPath(): Promise<Map<string, Known[]>> {
  const rows = await theAvatar().docs.query<Note>({ type: NOTE, where: { imported: { exists: true } }, select: ["path", "imported"] }).get();
  const byPath = new Map<string, Known[]>();
  for (const row of rows) {
    const { path, imported } = row.value;
    if (path === undefined || row.cut.includes("path")) continue;
    const known = { id: row.id, imported };
    const others = byPath.get(path);
    if (others) others.push(known);
    else byPath.set(path, [known]);
  }
  return byPath;
}

function countPaths(files: readonly FoundFile[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { path } of files) counts.set(path, (counts.get(path) ?? 0) + 1);
  return counts;
}

/** Brings a note up to its file, unless the person has changed the note since it came in; then both must stay. */
async function updateUntouched(id: DocumentId, imported: string | undefined, text: string, hash: string): Promise<boolean> {
  await using doc = await theAvatar().docs.open<Note>(id);
  const { body, path, encoding } = doc.value;
  if ((await fileHash(encodeFile(body, encoding))) !== imported) return false;
  const fields = deriveFields(text, path);
  await doc.change(
    (draft) => {
      if (minimalEdit(body, text)) draft.body = text;
      Object.assign(draft, fields, { imported: hash });
    },
    { message: "import" },
  );
  return true;
}

/** The first half of the SHA-256, hex: enough to tell versions of one file apart. */
async function fileHash(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The next turn of the event loop; not a timer, which background tabs slow down to one a second. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      channel.port1.close();
      resolve();
    };
    channel.port2.postMessage(undefined);
  });
}
