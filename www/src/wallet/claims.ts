/** Claims about a subject as lines of name and value. */
import { isJson, wordsOf, type Json } from "./json";

/** One thing that is said about somebody. */
export interface Claim {
  readonly name: string;
  readonly value: string;
}

/** A credential from outside may hold anything: more than this is not shown line by line. */
const MAX_CLAIMS = 200;
const MAX_DEPTH = 4;
const MAX_VALUE_CHARS = 2_000;

/** What a credential says of one subject. Nested things are named by their path. */
export function describedClaims(subject: Json): Claim[] {
  const claims: Claim[] = [];
  const add = (path: readonly string[], value: unknown): void => {
    if (claims.length >= MAX_CLAIMS) return;
    if (isJson(value) && path.length < MAX_DEPTH) {
      for (const [key, inner] of Object.entries(value)) if (!key.startsWith("@") && !(path.length === 0 && key === "id")) add([...path, key], inner);
      return;
    }
    claims.push({ name: path.map(wordsOf).join(" · "), value: shown(value) });
  };
  add([], subject);
  return claims;
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? value : Array.isArray(value) && value.every((each) => typeof each !== "object") ? value.join(", ") : typeof value === "boolean" ? (value ? "Yes" : "No") : JSON.stringify(value);
  return text.length > MAX_VALUE_CHARS ? `${text.slice(0, MAX_VALUE_CHARS)}…` : text;
}
