/**
 * Bytes of a file as text and back again, exactly: what is imported must come out of the export bit for bit, whatever its encoding.
 */

/** How a note's bytes are made from its text; absent means UTF-8. */
export type NoteEncoding = "windows-1252" | "utf-16le" | "utf-16be";

/** A file's text, or why it is none. */
export type DecodedFile = { readonly text: string; readonly encoding: NoteEncoding | undefined } | { readonly refused: "binary" };

/** Reads a file's bytes. UTF-8 first (a byte order mark stays in the text), UTF-16 by its mark, else the old Western encoding, in which every byte is a character. */
export function decodeFile(bytes: Uint8Array): DecodedFile {
  const utf16 = utf16Mark(bytes);
  if (utf16) {
    const text = decodeUtf16(bytes, utf16);
    // An odd byte at the end or half a surrogate pair would not survive: such a file is read byte by byte below.
    if (text !== undefined) return { text, encoding: utf16 };
  }
  // Text has no NUL: executables and pictures that are called .md end here.
  if (bytes.includes(0)) return { refused: "binary" };
  try {
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes), encoding: undefined };
  } catch {
    return { text: decodeWindows1252(bytes), encoding: "windows-1252" };
  }
}

/** The bytes of a note. Characters that its old encoding does not have (somebody typed them later) make it UTF-8. */
export function encodeFile(text: string, encoding: NoteEncoding | undefined): Uint8Array<ArrayBuffer> {
  const bytes = encoding === "windows-1252" ? encodeWindows1252(text) : encoding === undefined ? undefined : encodeUtf16(text, encoding);
  return bytes ?? new TextEncoder().encode(text);
}

function utf16Mark(bytes: Uint8Array): "utf-16le" | "utf-16be" | undefined {
  if (bytes.length < 2 || bytes.length % 2 !== 0) return undefined;
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  return undefined;
}

function decodeUtf16(bytes: Uint8Array, encoding: "utf-16le" | "utf-16be"): string | undefined {
  try {
    const text = new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.includes("\0") ? undefined : text;
  } catch {
    return undefined;
  }
}

function encodeUtf16(text: string, encoding: "utf-16le" | "utf-16be"): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length * 2);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < text.length; index++) view.setUint16(index * 2, text.charCodeAt(index), encoding === "utf-16le");
  return bytes;
}

// The 32 characters that windows-1252 has where Latin-1 has control characters; 0x81, 0x8D, 0x8F, 0x90 and 0x9D stay what they are (WHATWG Encoding, index windows-1252).
const HIGH = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ";

function decodeWindows1252(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let start = 0; start < bytes.length; start += 8192) {
    const chunk = bytes.subarray(start, start + 8192);
    parts.push(Array.from(chunk, (byte) => (byte >= 0x80 && byte < 0xa0 ? (HIGH[byte - 0x80] as string) : String.fromCharCode(byte))).join(""));
  }
  return parts.join("");
}

function encodeWindows1252(text: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x80 || (code >= 0xa0 && code <= 0xff)) bytes[index] = code;
    else {
      const high = HIGH.indexOf(text[index] as string);
      if (high < 0) return undefined;
      bytes[index] = 0x80 + high;
    }
  }
  return bytes;
}
