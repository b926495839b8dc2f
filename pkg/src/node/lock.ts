/**
 * One process at a time for a folder.
 *
 * @module
 */
import { open, readFile, unlink } from "node:fs/promises";
import { AvatarStorageError } from "../errors.js";

/** Locks of this process: a lock file with our own process id that is not among them was left by an earlier process of the same id. */
const held = new Set<string>();

/** Takes the lock. The file holds the process id; one whose process is gone is taken over. @throws AvatarStorageError `STORAGE_LOCKED` */
export async function lock(file: string): Promise<() => Promise<void>> {
  for (let attempt = 0; ; attempt++) {
    if (held.has(file)) throw locked(file, process.pid);
    try {
      const handle = await open(file, "wx");
      held.add(file);
      await handle.writeFile(`${process.pid}\n`);
      await handle.close();
      return async () => {
        held.delete(file);
        await unlink(file).catch(ignoreMissing);
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const owner = Number.parseInt(await readFile(file, "utf8").catch(() => ""), 10);
    if (attempt > 0 || (owner !== process.pid && isAlive(owner))) throw locked(file, owner);
    await unlink(file).catch(ignoreMissing);
  }
}

function locked(file: string, owner: number): AvatarStorageError {
  return new AvatarStorageError("STORAGE_LOCKED", `Process ${owner} has this folder open. If that is wrong, delete ${file}.`, { retryable: true });
}

function isAlive(pid: number): boolean {
  // A file that holds no number was cut off when its process died.
  if (!Number.isInteger(pid)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}
