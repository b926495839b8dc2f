/**
 * What the stores of a folder have in common.
 *
 * @module
 */
import { open, type FileHandle } from "node:fs/promises";
import { AvatarStorageError } from "../errors.js";

/** A new name in a directory is durable when the directory is. */
export async function syncDirectory(directory: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(directory, "r");
    await handle.sync();
  } catch {
    // Windows cannot open a directory; there, renames are durable by themselves.
  } finally {
    await handle?.close();
  }
}

/** What an error of the file system means. */
export function storageError(error: unknown): AvatarStorageError {
  if (error instanceof AvatarStorageError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG") return new AvatarStorageError("QUOTA_EXCEEDED", message, { cause: error });
  if (code === "EACCES" || code === "EPERM" || code === "EROFS" || code === "ENOTDIR" || code === "EEXIST") return new AvatarStorageError("STORAGE_BLOCKED", message, { cause: error });
  return new AvatarStorageError("STORAGE_IO", message, { cause: error });
}
