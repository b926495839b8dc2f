/** Folding: how names and texts are made comparable. */

/** Names of notes and link targets: case, width of white space and normalisation form do not matter; accents do. */
export function foldName(name: string): string {
  return name.normalize("NFC").toLowerCase().replace(/\s+/gu, " ").trim();
}

/** Text that the filter looks in: accents of Latin, Greek and Cyrillic letters do not matter either. */
export function foldText(text: string): string {
  return text.normalize("NFKD").replace(/[\u0300-\u036f]/gu, "").normalize("NFC").toLowerCase().replace(/\s+/gu, " ").trim();
}

/** Cuts to at most `maxBytes` of UTF-8, between characters. */
export function cutToBytes(text: string, maxBytes: number): string {
  let bytes = 0;
  let end = 0;
  for (const char of text) {
    const code = char.codePointAt(0) as number;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (bytes > maxBytes) return text.slice(0, end);
    end += char.length;
  }
  return text;
}
