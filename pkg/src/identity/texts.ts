/**
 * Texts that a person gives.
 *
 * @module
 */
import { AvatarArgumentError } from "../errors.js";

/** A text that a person gave. @throws AvatarArgumentError */
export function text(value: unknown, what: string): string {
  if (typeof value !== "string" || value === "") throw new AvatarArgumentError(`${what} is a string that is not empty.`);
  return value.toWellFormed();
}

/** A passphrase, normalised as the Meta Unit takes it: two keyboards may write the same letter in different bytes. @throws AvatarArgumentError */
export function passphraseText(value: unknown): string {
  return text(value, "A passphrase").normalize("NFKD");
}

/** The recovery words as one text. @throws AvatarArgumentError */
export function joined(words: string | readonly string[]): string {
  return text(Array.isArray(words) ? words.join(" ") : words, "The recovery words");
}
