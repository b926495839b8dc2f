/** JSON from outside, of which nothing is known. */

export type Json = { readonly [key: string]: unknown };

export function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** One or several, as a list. */
export function list(value: unknown): readonly unknown[] {
  return value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
}

/** The strings among one or several. */
export function strings(value: unknown): string[] {
  return list(value).filter((each): each is string => typeof each === "string");
}

/** A text, also where it stands in a language map or a list of such. */
export function plain(value: unknown): string {
  const first = Array.isArray(value) ? (value[0] as unknown) : value;
  if (typeof first === "string") return first;
  return isJson(first) && typeof first["@value"] === "string" ? first["@value"] : "";
}

/** "UniversityDegree" → "University degree". */
export function wordsOf(name: string): string {
  const last = name.split(/[#/:]/).at(-1) || name;
  const words = last.replace(/([a-z0-9])([A-Z])/g, "$1 $2").replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2").replaceAll(/[_-]+/g, " ").trim();
  return words === "" ? name : words.charAt(0).toUpperCase() + words.slice(1).replace(/ [A-Z](?=[a-z])/g, (letter) => letter.toLowerCase());
}
