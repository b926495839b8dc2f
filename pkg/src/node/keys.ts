/**
 * The key sets of a folder, in a file that only its owner can read. A line a set, and a checksum that tells damage from keys:
 *
 * ```text
 * avatar keys 1
 * <name> <the set's secrets, 192 hexadecimal digits>
 * sha256 <of everything before this line, 64 hexadecimal digits>
 * ```
 *
 * A damaged file is never replaced: what the keys have wrapped would be lost with them.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { AvatarError, AvatarNotFoundError, AvatarStorageError } from "../errors.js";
import { KeyProtection, KeysCommandSchema, KeysResultSchema, type KeysCommand } from "../gen/dao/avatar/v1/keys_pb.js";
import type { JsKeys } from "../host/storage.js";
import { storageError, syncDirectory } from "./files.js";
import { KeySet } from "./key_set.js";

const FIRST_LINE = "avatar keys 1\n";
/** Thousands of key sets: nobody has so many. */
const MAX_FILE_BYTES = 1 << 20;

/** See the module. Whoever makes it has the folder for itself. */
export class KeyFile implements JsKeys {
  readonly #directory: string;
  /** What the file holds, once it has been read. */
  #sets: ReadonlyMap<string, KeySet> | undefined;
  /** Commands run one after another. */
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(directory: string) {
    this.#directory = directory;
  }

  run(command: Uint8Array): Promise<Uint8Array> {
    if (this.#closed) return Promise.reject(new AvatarStorageError("STORAGE_LOST", "The folder store is closed."));
    const result = this.#last.then(() => this.#run(fromBinary(KeysCommandSchema, command)));
    this.#last = result.catch(() => undefined);
    return result.then((each) => toBinary(KeysResultSchema, create(KeysResultSchema, each)));
  }

  /** Lets go of the file, after the commands under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
  }

  async #run({ name, command }: KeysCommand): Promise<{ protection?: KeyProtection; signPublicKey?: Uint8Array; agreePublicKey?: Uint8Array; created?: boolean; data?: Uint8Array }> {
    const sets = (this.#sets ??= await this.#read());
    const found = sets.get(name);
    if (command.case === "open") {
      const { signPublicKey, agreePublicKey } = found ?? (await this.#add(sets, name, KeySet.generate()));
      return { protection: KeyProtection.FILE, signPublicKey, agreePublicKey, created: found === undefined };
    }
    if (command.case === "erase") {
      if (found !== undefined) await this.#replace(new Map([...sets].filter(([each]) => each !== name)));
      return {};
    }
    if (found === undefined) throw new AvatarNotFoundError("There is no such key set.");
    if (command.case === "sign") return { data: found.sign(command.value.message) };
    if (command.case === "agree") return { data: found.agree(command.value.publicKey) };
    if (command.case === "wrap") return { data: found.wrap(command.value.secret, command.value.context) };
    if (command.case === "unwrap") return { data: found.unwrap(command.value.wrapped, command.value.context) };
    throw new AvatarError("UNSUPPORTED", "This build does not know the command.");
  }

  async #add(sets: ReadonlyMap<string, KeySet>, name: string, set: KeySet): Promise<KeySet> {
    await this.#replace(new Map([...sets, [name, set]]));
    return set;
  }

  async #replace(sets: ReadonlyMap<string, KeySet>): Promise<void> {
    const bytes = encode(sets);
    // Whether a write that failed took effect, the next read tells.
    this.#sets = undefined;
    try {
      if (bytes.length > MAX_FILE_BYTES) throw new AvatarStorageError("QUOTA_EXCEEDED", "There are too many key sets.");
      await this.#write(bytes);
    } catch (error) {
      throw storageError(error);
    } finally {
      bytes.fill(0);
    }
    this.#sets = sets;
  }

  /** Replaces the file whole: after a crash it is the old one or the new one. */
  async #write(bytes: Buffer): Promise<void> {
    const fresh = path.join(this.#directory, "keys.new");
    await rm(fresh, { force: true });
    const file = await open(fresh, "wx", 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path.join(this.#directory, "keys"));
    await syncDirectory(this.#directory);
  }

  async #read(): Promise<ReadonlyMap<string, KeySet>> {
    const place = path.join(this.#directory, "keys");
    let file: FileHandle | undefined;
    try {
      file = await open(place, "r");
      const { mode, size } = await file.stat();
      // What is promised of the file is so also when somebody has copied it from elsewhere. (Windows has no such modes.)
      if ((mode & 0o077) !== 0 && process.platform !== "win32") await file.chmod(0o600);
      const bytes = size <= MAX_FILE_BYTES ? await file.readFile() : Buffer.alloc(0);
      const sets = decode(bytes);
      bytes.fill(0);
      if (sets === undefined) throw new AvatarStorageError("CORRUPT", `${place} is damaged.`);
      return sets;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return new Map();
      throw storageError(error);
    } finally {
      await file?.close();
    }
  }
}

function encode(sets: ReadonlyMap<string, KeySet>): Buffer {
  const parts = [Buffer.from(FIRST_LINE)];
  for (const [name, set] of [...sets].sort()) {
    const secrets = set.secrets();
    parts.push(Buffer.from(`${name} `), Buffer.from(secrets.toString("hex")), Buffer.from("\n"));
    secrets.fill(0);
  }
  const whole = Buffer.concat(parts);
  for (const part of parts) part.fill(0);
  const bytes = Buffer.concat([whole, Buffer.from(checksum(whole))]);
  whole.fill(0);
  return bytes;
}

function checksum(bytes: Buffer): string {
  return `sha256 ${createHash("sha256").update(bytes).digest("hex")}\n`;
}

function decode(bytes: Buffer): Map<string, KeySet> | undefined {
  const at = bytes.lastIndexOf("sha256 ");
  if (at < 0 || bytes.toString("latin1", at) !== checksum(bytes.subarray(0, at))) return undefined;
  const text = bytes.toString("latin1", 0, at);
  if (!text.startsWith(FIRST_LINE)) return undefined;
  const sets = new Map<string, KeySet>();
  for (const line of text.slice(FIRST_LINE.length).split("\n").slice(0, -1)) {
    const [name, digits] = line.split(" ");
    const secrets = Buffer.from(digits ?? "", "hex");
    if (name === undefined || secrets.length !== KeySet.SECRET_BYTES) return undefined;
    sets.set(name, new KeySet(secrets));
  }
  return sets;
}
