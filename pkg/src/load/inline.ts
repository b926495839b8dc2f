/**
 * The copies of the modules that the package carries as text, for bundlers that do not copy files.
 *
 * The text is `inline-wasm:<name>;` and base64 of the gzipped module: packaging tests look for that beginning, to see that an output has each module once.
 *
 * @module
 */
import { AvatarLoadError } from "../errors.js";
import type { WasmName } from "./compile.js";

/** The bytes of an inlined module. @throws AvatarLoadError `NOT_FOUND` */
export async function inlineBytes(name: WasmName, load: () => Promise<{ default: string }>): Promise<ArrayBuffer> {
  let text: string;
  try {
    text = (await load()).default;
  } catch (cause) {
    throw new AvatarLoadError("NOT_FOUND", `The inlined copy of ${name}.wasm could not be loaded.`, { cause });
  }
  const base64 = text.slice(text.indexOf(";") + 1);
  const gzipped = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new Response(new Blob([gzipped]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}
