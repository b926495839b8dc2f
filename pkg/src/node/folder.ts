/**
 * A store in a folder: one file that only grows (`log`), rewritten when most of it is garbage, the file of the key sets (keys.ts), and a lock file. Of a record, the key is
 * in memory and the value on disk.
 *
 * Reads and writes are synchronous: they are small copies from and to the system's cache, and the Meta Unit works in this thread, too. Asynchronous ones would wait for
 * the end of its turn, each of them. Only what waits for the medium (fsync) is asynchronous.
 *
 * @module
 */
import { readSync, writeSync } from "node:fs";
import { mkdir, open, rename, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { AvatarStorageError } from "../errors.js";
import type { JsStorage, JsStorageOp, JsStorageRead } from "../host/storage.js";
import { storageError, syncDirectory } from "./files.js";
import { KeyFile } from "./keys.js";
import { lock } from "./lock.js";
import { crc32, encodeFrame, FRAME_HEADER, LOG_MAGIC, readFrameHeader, readPayload, type LoggedOp, type LogOp } from "./log.js";
import { OrderedKeys } from "./ordered_keys.js";

/** Where a value is in the log. */
interface Place {
  at: number;
  length: number;
}

/** What a get or a scan of a batch found: read when the batch is in the log. */
interface Found {
  entries: [string, Place][];
  keysOnly: boolean;
  more: boolean;
}

/** What a batch may read: one buffer of the contract (ABI.md, limits). */
const MAX_READ_BYTES = 16 << 20;
/** Garbage below this is not worth a rewrite. */
const MIN_GARBAGE_BYTES = 16 << 20;
/** Bytes of values in a frame of a rewrite. */
const REWRITE_FRAME_BYTES = 1 << 20;
/** What a record costs beside its key and value. */
const RECORD_BYTES = 9;

/** Opens the store in a folder, making it when it is not there. @throws AvatarStorageError `STORAGE_LOCKED`, `CORRUPT`, `STORAGE_BLOCKED`, `SCHEMA_TOO_NEW` */
export async function openFolder(folder: string): Promise<FolderStore> {
  const directory = path.resolve(folder);
  let unlock: (() => Promise<void>) | undefined;
  try {
    await mkdir(directory, { recursive: true });
    unlock = await lock(path.join(directory, "lock"));
    return await FolderStore.open(directory, unlock);
  } catch (error) {
    await unlock?.();
    throw storageError(error);
  }
}

/** See the module, and the rules in avatar-web/src/storage/js.rs. */
export class FolderStore implements JsStorage {
  readonly kind = "folder";
  readonly keys: KeyFile;
  readonly #directory: string;
  readonly #unlock: () => Promise<void>;
  readonly #entries = new OrderedKeys<Place>();
  #file: FileHandle;
  /** The end of the last whole frame. */
  #end = 0;
  /** The places before the batch that is under way, to go back to if it fails. */
  #undo: [string, Place | undefined][] | undefined;
  /** Bytes that a rewrite would keep. */
  #liveBytes = 0;
  /** Batches run one after another. */
  #last: Promise<unknown> = Promise.resolve();
  #broken: AvatarStorageError | undefined;
  #closed = false;

  private constructor(directory: string, file: FileHandle, unlock: () => Promise<void>) {
    this.#directory = directory;
    this.#file = file;
    this.#unlock = unlock;
    this.keys = new KeyFile(directory);
  }

  /** @internal Use {@link openFolder}. */
  static async open(directory: string, unlock: () => Promise<void>): Promise<FolderStore> {
    const file = await open(path.join(directory, "log"), "a+");
    await file.close();
    const store = new FolderStore(directory, await open(path.join(directory, "log"), "r+"), unlock);
    try {
      await store.#load();
      return store;
    } catch (error) {
      await store.#file.close();
      throw error;
    }
  }

  batch(ops: JsStorageOp[], durability: "relaxed" | "strict"): Promise<JsStorageRead[]> {
    if (this.#closed) return Promise.reject(new AvatarStorageError("STORAGE_LOST", "The folder store is closed."));
    return this.#queue(() => this.#run(ops, durability));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.keys.close();
    await this.#queue(async () => {
      await this.#file.close();
      await this.#unlock();
    });
  }

  #queue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #run(ops: JsStorageOp[], durability: "relaxed" | "strict"): Promise<JsStorageRead[]> {
    if (this.#broken !== undefined) throw this.#broken;
    const writes = ops.filter((op): op is LogOp & JsStorageOp => op.op !== "get" && op.op !== "scan");
    const undo: [string, Place | undefined][] = [];
    this.#undo = undo;
    let found: Found[];
    try {
      found = this.#move(ops);
      if (writes.length > 0) {
        checkSize(found);
        await this.#append(encodeFrame(writes), durability);
      }
    } catch (error) {
      this.#undo = undefined;
      for (const [key, place] of undo.reverse()) this.#set(key, place);
      throw error;
    }
    this.#undo = undefined;
    const reads: JsStorageRead[] = [];
    for (const { entries, keysOnly, more } of found) {
      const values: Uint8Array[] = [];
      if (!keysOnly) for (const [, place] of entries) values.push(this.#read(place.at, place.length));
      reads.push({ keys: entries.map(([key]) => bytesOf(key)), values, more });
    }
    if (writes.length > 0) await this.#rewriteIfWorthwhile();
    return reads;
  }

  /** Moves keys and looks places up, in the order of the batch, as if its frame stood at the end of the log; what the places hold is read when it does. */
  #move(ops: JsStorageOp[]): Found[] {
    let valueAt = this.#end + FRAME_HEADER;
    const found: Found[] = [];
    for (const op of ops) {
      if (op.op === "put") {
        valueAt += RECORD_BYTES + op.key.length;
        this.#apply({ op: "put", key: op.key, valueAt, valueLength: op.value.length }, 0);
        valueAt += op.value.length;
      } else if (op.op === "delete") {
        valueAt += RECORD_BYTES + op.key.length;
        this.#apply(op, 0);
      } else if (op.op === "deleteRange") {
        valueAt += RECORD_BYTES + op.start.length + (op.end?.length ?? 0);
        this.#apply(op, 0);
      } else if (op.op === "get") {
        const key = textOf(op.key);
        const place = this.#entries.get(key);
        found.push({ entries: place === undefined ? [] : [[key, place]], keysOnly: false, more: false });
      } else {
        found.push({ ...this.#scan(op), keysOnly: op.keysOnly });
      }
    }
    return found;
  }

  #scan(op: JsStorageOp & { op: "scan" }): { entries: [string, Place][]; more: boolean } {
    const entries: [string, Place][] = [];
    let bytes = 0;
    for (const [key, place] of this.#entries.range(textOf(op.start), op.end === undefined ? undefined : textOf(op.end))) {
      bytes += op.keysOnly ? 0 : place.length;
      if ((op.limit > 0 && entries.length >= op.limit) || (entries.length > 0 && op.maxBytes > 0 && bytes > op.maxBytes)) return { entries, more: true };
      entries.push([key, place]);
    }
    return { entries, more: false };
  }

  /** Applies a change to the keys in memory. `base`: where the payload of its frame begins, when the place is relative to that. */
  #apply(op: LoggedOp, base: number): void {
    if (op.op === "put") this.#set(textOf(op.key), { at: base + op.valueAt, length: op.valueLength });
    else if (op.op === "delete") this.#set(textOf(op.key), undefined);
    else for (const [key] of [...this.#entries.range(textOf(op.start), op.end === undefined ? undefined : textOf(op.end))]) this.#set(key, undefined);
  }

  #set(key: string, place: Place | undefined): void {
    const old = this.#entries.get(key);
    this.#undo?.push([key, old]);
    if (old !== undefined) this.#liveBytes -= RECORD_BYTES + key.length + old.length;
    if (place === undefined) this.#entries.delete(key);
    else {
      this.#entries.set(key, place);
      this.#liveBytes += RECORD_BYTES + key.length + place.length;
    }
  }

  async #append(frame: Uint8Array, durability: "relaxed" | "strict"): Promise<void> {
    try {
      writeAll(this.#file, frame, this.#end);
      if (durability === "strict") await this.#file.datasync();
    } catch (error) {
      // A frame of which a part is written must not be followed by others.
      try {
        await this.#file.truncate(this.#end);
      } catch (cause) {
        this.#broken = new AvatarStorageError("STORAGE_LOST", "The folder store failed in the middle of a write.", { cause });
      }
      throw storageError(error);
    }
    this.#end += frame.length;
  }

  #read(at: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const bytesRead = readSync(this.#file.fd, bytes, done, length - done, at + done);
      if (bytesRead === 0) throw new AvatarStorageError("STORAGE_LOST", "The log is shorter than it was.");
      done += bytesRead;
    }
    return bytes;
  }

  async #load(): Promise<void> {
    const { size } = await this.#file.stat();
    const magic = this.#read(0, Math.min(size, LOG_MAGIC.length));
    if (!magic.every((byte, i) => byte === LOG_MAGIC[i])) {
      const isNewer = magic.length === LOG_MAGIC.length && magic.subarray(0, -1).every((byte, i) => byte === LOG_MAGIC[i]);
      throw isNewer
        ? new AvatarStorageError("SCHEMA_TOO_NEW", "The folder was written by a newer version of this package.")
        : new AvatarStorageError("CORRUPT", `${path.join(this.#directory, "log")} is not a log of this package.`);
    }
    if (size < LOG_MAGIC.length) {
      writeAll(this.#file, LOG_MAGIC, 0);
      await this.#file.truncate(LOG_MAGIC.length);
      await this.#file.sync();
      await syncDirectory(this.#directory);
    }
    this.#end = LOG_MAGIC.length;
    while (this.#loadFrame(size));
    // What follows the last whole frame was being written when the process died: no promise was given for it.
    if (this.#end < size) await this.#file.truncate(this.#end);
  }

  /** Takes in the frame at the end of what is known. False when none is there. */
  #loadFrame(size: number): boolean {
    const payloadAt = this.#end + FRAME_HEADER;
    if (payloadAt > size) return false;
    const { length, crc } = readFrameHeader(this.#read(this.#end, FRAME_HEADER));
    if (payloadAt + length > size) return false;
    const payload = this.#read(payloadAt, length);
    if (crc32(payload) !== crc && payloadAt + length === size) return false;
    // A damaged frame in the middle: its records are taken as far as they can be told apart. Each value has a checksum of its own, which the Meta Unit looks at: it
    // then knows which document is concerned, and goes on with all others.
    const ops = readPayload(payload);
    if (ops === undefined) throw new AvatarStorageError("CORRUPT", `${path.join(this.#directory, "log")} is damaged at byte ${this.#end}, and more follows.`);
    for (const op of ops) this.#apply(op, payloadAt);
    this.#end = payloadAt + length;
    return true;
  }

  async #rewriteIfWorthwhile(): Promise<void> {
    const garbage = this.#end - this.#liveBytes;
    if (garbage < MIN_GARBAGE_BYTES || garbage < this.#liveBytes) return;
    const fresh = path.join(this.#directory, "log.new");
    const file = await open(fresh, "w+");
    try {
      const places = new Map<string, Place>();
      let end = LOG_MAGIC.length;
      writeAll(file, LOG_MAGIC, 0);
      let ops: LogOp[] = [];
      let bytes = 0;
      const write = (): void => {
        if (ops.length === 0) return;
        let valueAt = end + FRAME_HEADER;
        for (const op of ops) {
          if (op.op !== "put") continue;
          valueAt += RECORD_BYTES + op.key.length;
          places.set(textOf(op.key), { at: valueAt, length: op.value.length });
          valueAt += op.value.length;
        }
        const frame = encodeFrame(ops);
        writeAll(file, frame, end);
        end += frame.length;
        ops = [];
        bytes = 0;
      };
      for (const [key, place] of this.#entries.range("", undefined)) {
        ops.push({ op: "put", key: bytesOf(key), value: this.#read(place.at, place.length) });
        bytes += place.length;
        if (bytes >= REWRITE_FRAME_BYTES) write();
      }
      write();
      await file.sync();
      await rename(fresh, path.join(this.#directory, "log"));
      await syncDirectory(this.#directory);
      const old = this.#file;
      this.#file = file;
      this.#end = end;
      for (const [key, place] of places) this.#entries.set(key, place);
      await old.close();
    } catch (error) {
      if (this.#file !== file) await file.close();
      // A rewrite only saves space: without it everything is as it was, unless the rename is in doubt.
      if ((error as NodeJS.ErrnoException).syscall === "rename") throw storageError(error);
    }
  }
}

/** A batch that changes something must not do so when its answer is larger than the host can hand over (ABI.md H15). */
function checkSize(found: Found[]): void {
  const bytes = found.reduce((total, { entries, keysOnly }) => total + (keysOnly ? 0 : entries.reduce((sum, [, place]) => sum + place.length, 0)), 0);
  if (bytes > MAX_READ_BYTES) throw new AvatarStorageError("STORAGE_IO", "The batch reads more than one buffer holds.");
}

function writeAll(file: FileHandle, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file.fd, bytes, done, bytes.length - done, at + done);
}

/** Keys as strings of one character a byte: they compare like the bytes. */
function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
}

function bytesOf(key: string): Uint8Array {
  return new Uint8Array(Buffer.from(key, "latin1"));
}
