/**
 * Texts that are edited far more often than read: chunks of a string, so that a splice costs what a chunk is long, not what the text is long.
 *
 * @module
 */

/** A chunk that grows past this is halved. Around a kilobyte, copying a chunk and walking the list of chunks cost about the same. */
const MAX_CHUNK_UNITS = 2048;

/** An immutable text. Positions are UTF-16 code units. */
export class Text {
  /** The number of UTF-16 code units. */
  readonly length: number;
  #string: string | undefined;
  #chunks: readonly string[] | undefined;

  private constructor(length: number, string: string | undefined, chunks: readonly string[] | undefined) {
    this.length = length;
    this.#string = string;
    this.#chunks = chunks;
  }

  /** A text with this content. */
  static of(string: string): Text {
    return new Text(string.length, string, undefined);
  }

  /** A text from its parts, in order; they become its chunks as they are. */
  static ofParts(parts: readonly string[]): Text {
    let length = 0;
    for (const part of parts) length += part.length;
    return new Text(length, undefined, parts);
  }

  /** The text after one splice. */
  splice(index: number, deleteCount: number, insert: string): Text {
    const editor = this.edit();
    editor.splice(index, deleteCount, insert);
    return editor.finish();
  }

  /** For many splices at once: the chunks are copied once. */
  edit(): TextEditor {
    return new TextEditor(this.chunks().slice(), this.length, (chunks, length) => new Text(length, undefined, chunks));
  }

  /** The whole text; kept, so that the second time is free. */
  toString(): string {
    if (this.#string === undefined) {
      this.#string = (this.#chunks as readonly string[]).join("");
      // The chunks stay: the next splice would have to cut them again.
    }
    return this.#string;
  }

  /** The text in pieces, for comparing two versions without joining them. */
  chunks(): readonly string[] {
    if (this.#chunks === undefined) {
      const string = this.#string as string;
      const chunks: string[] = [];
      const size = MAX_CHUNK_UNITS / 2;
      for (let at = 0; at < string.length; at += size) chunks.push(string.slice(at, at + size));
      this.#chunks = chunks;
    }
    return this.#chunks;
  }
}

/** A text being edited. It remembers where the last edit was: the next one is nearly always near. */
export class TextEditor {
  readonly #chunks: string[];
  readonly #make: (chunks: readonly string[], length: number) => Text;
  #length: number;
  /** The chunk of the last edit and the position at which it begins. */
  #chunk = 0;
  #start = 0;

  /** @internal */
  constructor(chunks: string[], length: number, make: (chunks: readonly string[], length: number) => Text) {
    this.#chunks = chunks;
    this.#length = length;
    this.#make = make;
  }

  /** The number of UTF-16 code units now. */
  get length(): number {
    return this.#length;
  }

  /** @throws RangeError when the place is outside of the text. */
  splice(index: number, deleteCount: number, insert: string): void {
    if (index < 0 || deleteCount < 0 || index + deleteCount > this.#length) {
      throw new RangeError(`Splice of ${deleteCount} at ${index} in a text of ${this.#length}`);
    }
    const chunks = this.#chunks;
    this.#length += insert.length - deleteCount;
    if (chunks.length === 0) {
      if (insert !== "") chunks.push(...cut(insert));
      return;
    }
    this.#seek(index);
    let at = this.#chunk;
    const chunk = chunks[at] as string;
    const offset = index - this.#start;
    const inChunk = Math.min(deleteCount, chunk.length - offset);
    const changed = chunk.slice(0, offset) + insert + chunk.slice(offset + inChunk);

    // What the deletion takes of the chunks that follow.
    let left = deleteCount - inChunk;
    let emptied = 0;
    while (left > 0) {
      const next = chunks[at + 1 + emptied] as string;
      if (next.length <= left) {
        left -= next.length;
        emptied++;
      } else {
        chunks[at + 1 + emptied] = next.slice(left);
        left = 0;
      }
    }
    if (changed.length <= MAX_CHUNK_UNITS && changed.length > 0) {
      chunks[at] = changed;
      if (emptied > 0) chunks.splice(at + 1, emptied);
    } else {
      chunks.splice(at, 1 + emptied, ...cut(changed));
      at = Math.min(at, Math.max(chunks.length - 1, 0));
      if (changed.length === 0) {
        this.#chunk = 0;
        this.#start = 0;
      }
    }
  }

  /** The text as edited. The editor must not be used after. */
  finish(): Text {
    return this.#make(this.#chunks, this.#length);
  }

  /** Makes the current chunk the one that holds `index`; a position between two chunks belongs to the first, so that typing at the end of one stays there. */
  #seek(index: number): void {
    const chunks = this.#chunks;
    let chunk = this.#chunk;
    let start = this.#start;
    while (index < start) start -= (chunks[--chunk] as string).length;
    for (;;) {
      const length = (chunks[chunk] as string).length;
      if (index <= start + length) break;
      start += length;
      chunk++;
    }
    this.#chunk = chunk;
    this.#start = start;
  }
}

/** Cuts a string into chunks with room to grow. */
function cut(string: string): string[] {
  const size = MAX_CHUNK_UNITS / 2;
  if (string.length <= MAX_CHUNK_UNITS) {
    if (string.length === 0) return [];
    if (string.length <= size) return [string];
  }
  const chunks: string[] = [];
  for (let at = 0; at < string.length; at += size) chunks.push(string.slice(at, at + size));
  return chunks;
}

/** The one splice that leads from `before` to `after`, as short as common beginnings and ends allow, never inside a surrogate pair; undefined when they are equal. */
export function minimalSplice(before: string, after: string): { index: number; delete: number; insert: string } | undefined {
  if (before === after) return undefined;
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before.charCodeAt(start) === after.charCodeAt(start)) start++;
  if (start > 0 && isHighSurrogate(before.charCodeAt(start - 1)) && (isLowSurrogate(before.charCodeAt(start)) || isLowSurrogate(after.charCodeAt(start)))) start--;
  let end = 0;
  const room = shorter - start;
  while (end < room && before.charCodeAt(before.length - 1 - end) === after.charCodeAt(after.length - 1 - end)) end++;
  if (end > 0 && isLowSurrogate(before.charCodeAt(before.length - end)) && end < Math.max(before.length, after.length)) {
    const beforeSplits = isHighSurrogate(before.charCodeAt(before.length - end - 1));
    const afterSplits = isHighSurrogate(after.charCodeAt(after.length - end - 1));
    if (beforeSplits || afterSplits) end--;
  }
  return { index: start, delete: before.length - start - end, insert: after.slice(start, after.length - end) };
}

function isHighSurrogate(unit: number): boolean {
  return (unit & 0xfc00) === 0xd800;
}

function isLowSurrogate(unit: number): boolean {
  return (unit & 0xfc00) === 0xdc00;
}
