/**
 * Base64url (RFC 4648, section 5) without padding, for keys and ids.
 *
 * @module
 */
import { AvatarArgumentError } from "./errors.js";

/** Bytes → text. */
export function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** Text → bytes. @throws AvatarArgumentError when it is none. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  if (typeof text !== "string" || !/^[\w-]+$/.test(text)) throw new AvatarArgumentError("Not an id: it is base64url.");
  try {
    return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
  } catch (cause) {
    throw new AvatarArgumentError("Not an id: it is base64url.", { cause });
  }
}
