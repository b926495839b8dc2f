/**
 * The same package for Node: with `folder` everything is kept in a folder, without it in memory.
 *
 * @module
 */
import type { Avatar, AvatarOptions } from "./api.js";
import { start } from "./create.js";
import { node } from "./environment.node.js";

export type * from "./api.js";
export * from "./errors.public.js";

/**
 * Starts a node in this process.
 * @throws AvatarStorageError `STORAGE_LOCKED` when another process has the folder; other {@link AvatarError}s when the node does not start.
 */
export function createAvatar(options: AvatarOptions = {}): Promise<Avatar> {
  return start(options, node);
}
