/**
 * A personal data node that lives in the browser. Start with {@link createAvatar}.
 *
 * @module
 */
import type { Avatar, AvatarOptions } from "./api.js";
import { start } from "./create.js";
import { browser } from "./environment.browser.js";

export type * from "./api.js";
export * from "./errors.public.js";

/**
 * Starts the node of this origin and `name`, or joins the one that another tab runs.
 * @throws AvatarLoadError when the WebAssembly or the worker cannot be loaded; other {@link AvatarError}s when the node does not start.
 */
export function createAvatar(options: AvatarOptions = {}): Promise<Avatar> {
  return start(options, browser);
}
