/**
 * What the hot paths need beside the protobuf runtime's own reader and writer: 64-bit numbers that fit a JavaScript number, without a BigInt for each.
 *
 * @module
 */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

export { BinaryWriter as Writer, WireType };

/** A tag as it stands on the wire. */
export function tagOf(field: number, type: WireType): number {
  return ((field << 3) | type) >>> 0;
}

/** A reader that gives 64-bit varints as numbers, and knows where a message inside a message ends. */
export class Reader extends BinaryReader {
  readonly #source: Uint8Array;

  constructor(bytes: Uint8Array) {
    super(bytes);
    this.#source = bytes;
  }

  /** The position after the length-delimited field that begins here. */
  end(): number {
    const length = this.uint32();
    const end = this.pos + length;
    if (end > this.len) throw new RangeError("A message is cut off.");
    return end;
  }

  /** A varint as a number; precise up to 2^53. */
  uint53(): number {
    const bytes = this.#source;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      if (this.pos >= this.len) break;
      const byte = bytes[this.pos++] as number;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    throw new RangeError("A varint is cut off or too long.");
  }

  /** A zigzag varint as a number; precise within ±2^53. */
  sint53(): number {
    const start = this.pos;
    const value = this.uint53();
    if (value <= Number.MAX_SAFE_INTEGER) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    // Beyond 53 bits the zigzag form itself is not precise as a number.
    this.pos = start;
    return Number(this.sint64());
  }

  /** Skips the field whose tag was read. */
  skipTag(tag: number): void {
    this.skip(tag & 7, tag >>> 3);
  }
}

/** Writes a zigzag varint. */
export function writeSint53(writer: BinaryWriter, value: number): void {
  if (value >= -0x80000000 && value <= 0x7fffffff) writer.sint32(value);
  else writer.sint64(BigInt(value));
}

/** Writes a varint of an unsigned number up to 2^53. */
export function writeUint53(writer: BinaryWriter, value: number): void {
  if (value <= 0xffffffff) writer.uint32(value);
  else writer.uint64(BigInt(value));
}
