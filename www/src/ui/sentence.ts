/** What the node says in passing, as the beginning of a sentence. Names such as "eddsa-jcs-2022" or "did:web:…" stay as they are. */
export function sentence(text: string): string {
  return /^[a-z]+(?=[\s,.]|$)/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

/** The same, to its end. */
export function fullSentence(text: string): string {
  return /[.?!]$/.test(text) ? sentence(text) : `${sentence(text)}.`;
}
