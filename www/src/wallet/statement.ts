/** A simple credential, from what a person filled in. */
import type { Json } from "./json";

export interface Line {
  readonly name: string;
  readonly value: string;
}

export interface Statement {
  readonly name: string;
  readonly subject: string;
  readonly lines: readonly Line[];
  /** A day, as a date field gives it; empty = no end. */
  readonly until: string;
}

/** Names that mean something in JSON-LD or in JavaScript are no names of claims. */
const RESERVED: ReadonlySet<string> = new Set(["id", "type", "__proto__", "constructor", "prototype"]);

/** The credential to be signed, or what is missing. */
export function statementOf({ name, subject, lines, until }: Statement): { credential: Json } | { problem: string } {
  if (name.trim() === "") return { problem: "Say what it is." };
  const who = subject.trim();
  if (!/^(did:[a-z0-9]+:\S+|https?:\/\/\S+|urn:\S+)$/.test(who)) return { problem: "Say about whom: a DID begins with “did:”." };
  const claims: Record<string, string> = {};
  for (const line of lines) {
    const [key, value] = [keyOf(line.name), line.value.trim()];
    if (key === "" && value === "") continue;
    if (key === "" || value === "") return { problem: "Each line needs a name and a value." };
    if (RESERVED.has(key)) return { problem: `“${line.name.trim()}” cannot be the name of a line.` };
    if (Object.hasOwn(claims, key)) return { problem: `“${line.name.trim()}” is there twice.` };
    claims[key] = value;
  }
  if (Object.keys(claims).length === 0) return { problem: "Say something about them, in a line at least." };
  const end = until === "" ? undefined : new Date(`${until}T23:59:59`);
  if (end && Number.isNaN(end.getTime())) return { problem: "The date is none." };
  return {
    credential: {
      type: ["VerifiableCredential"],
      name: name.trim(),
      ...(end ? { validUntil: end.toISOString().replace(/\.\d+Z$/, "Z") } : {}),
      credentialSubject: { id: who, ...claims },
    },
  };
}

/** "Member since" → "memberSince": as property names are written. */
function keyOf(name: string): string {
  const words = name.normalize("NFC").match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.map((word, at) => (at === 0 ? word.charAt(0).toLowerCase() + word.slice(1) : word.charAt(0).toUpperCase() + word.slice(1))).join("");
}
