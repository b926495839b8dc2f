/**
 * Ids of documents and credentials: 128 random bits, written as 26 characters of Crockford's base32 in lower case.
 *
 * @module
 */
import { AvatarArgumentError } from "./errors.js";

/** Bytes of a document id. */
export const ID_BYTES = 16;
const ID_CHARACTERS = 26;
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const ID = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/;

/** Value of each character code; 255 = not in the alphabet. Upper case, and the letters that people confuse (i l → 1, o → 0), are taken too, as Crockford says. */
const VALUES = (() => {
  const values = new Uint8Array(128).fill(255);
  for (let i = 0; i < ALPHABET.length; i++) {
    values[ALPHABET.charCodeAt(i)] = i;
    values[ALPHABET.toUpperCase().charCodeAt(i)] = i;
  }
  for (const [letter, value] of [["o", 0], ["i", 1], ["l", 1]] as const) {
    values[letter.charCodeAt(0)] = value;
    values[letter.toUpperCase().charCodeAt(0)] = value;
  }
  return values;
})();

/** Random bytes for the next ids: asking for a few at a time costs more than the bytes. */
let pool = new Uint8Array();
const POOLED_IDS = 64;

/** Fresh random bytes for an id or a session. */
export function randomId(): Uint8Array {
  if (pool.length === 0) pool = crypto.getRandomValues(new Uint8Array(ID_BYTES * POOLED_IDS));
  const id = pool.slice(0, ID_BYTES);
  pool = pool.subarray(ID_BYTES);
  return id;
}

/** Bytes → text. 128 bits are 25 characters of 5 bits and one of 3, which comes first. */
export function idToString(bytes: Uint8Array): string {
  let text = "";
  let held = 0;
  // Two zero bits in front make 130 bits, 26 whole characters.
  let bits = 2;
  for (let i = 0; i < ID_BYTES; i++) {
    held = (held << 8) | (bytes[i] as number);
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(held >>> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  return text;
}

/** Whether it is an id, as {@link idToString} writes it. */
export function isId(value: unknown): value is string {
  return typeof value === "string" && ID.test(value);
}

/** Text → bytes. @throws AvatarArgumentError when it is no id. */
export function idFromString(text: string): Uint8Array {
  const bytes = new Uint8Array(ID_BYTES);
  let valid = typeof text === "string" && text.length === ID_CHARACTERS;
  let held = 0;
  let bits = -2;
  let at = 0;
  for (let i = 0; valid && i < ID_CHARACTERS; i++) {
    const value = VALUES[text.charCodeAt(i)] ?? 255;
    if (value === 255 || (i === 0 && value > 7)) valid = false;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (held >>> bits) & 255;
    }
  }
  if (!valid) throw new AvatarArgumentError(`Not an id: ${JSON.stringify(text)?.slice(0, 64)}. An id is 26 characters of base32.`);
  return bytes;
}
