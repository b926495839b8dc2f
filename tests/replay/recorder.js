// Records every boundary call of avatar-web, in a browser's worker or in Node, as avatar-native/REPLAY.md specifies it. It stands between the host and the engine: `WebAssembly.instantiate`
// gives the host an instance whose exports, and the guest imports that, note each call. So the host that is recorded is the one that ships, byte for byte.

const MAGIC = "AVTRACE\n";
const VERSION = 1;
const INSTANCE = 1;
const EXPORT = 2;
const RETURN = 3;
const TRAP = 4;
const IMPORT = 5;

/** Functions in the order of their numbers; each with the places of its pointers, which their lengths follow. */
const EXPORTS = { yuan_alloc: [], yuan_init: [0], yuan_handle_request: [1], yuan_cancel_request: [], yuan_complete: [2, 4], yuan_stream_event: [3], yuan_turn: [], yuan_shutdown: [] };
const IMPORTS = {
  avatar_log: [1],
  avatar_clock_unix_us: [],
  avatar_clock_monotonic_us: [],
  avatar_random: [],
  avatar_panic: [0],
  avatar_respond: [2, 4],
  avatar_emit: [1],
  avatar_net_request: [1, 3],
  avatar_storage: [1, 3],
  avatar_p2p: [1],
  avatar_infer: [1, 3],
  avatar_cancel: [],
  avatar_stream_write: [],
  avatar_stream_grant: [],
  avatar_stream_close: [],
  avatar_keys: [1],
};

const IMPORT_MODULE = "avatar_v1";
/** ABI.md §8: a larger buffer is refused, and so is no part of a trace. */
const MAX_BUFFER_BYTES = 16 * 1024 * 1024;
/** What the module's memory can grow to here: the engine has no other limit. */
const MEMORY_BYTES = 2n ** 32n;

/** One trace, over all instances from `install` on. */
export class Recorder {
  #records = [];

  /** From now on every Meta Unit of this thread is recorded. */
  install() {
    const instantiate = WebAssembly.instantiate.bind(WebAssembly);
    WebAssembly.instantiate = async (module, imports, ...more) => {
      if (imports?.[IMPORT_MODULE] === undefined || !(module instanceof WebAssembly.Module)) return instantiate(module, imports, ...more);
      return this.#instance(module, imports, instantiate);
    };
    return this;
  }

  /** The file. `sha256` is that of meta_unit.wasm, 32 bytes. */
  trace(sha256) {
    const header = new Uint8Array(50);
    header.set(new TextEncoder().encode(MAGIC));
    const view = new DataView(header.buffer);
    view.setUint16(8, VERSION, true);
    header.set(sha256, 10);
    view.setBigUint64(42, MEMORY_BYTES, true);
    return joined([header, ...this.#records]);
  }

  async #instance(module, imports, instantiate) {
    let memory;
    const bytes = () => new Uint8Array(memory.buffer);
    const guestImports = Object.entries(IMPORTS).map(([name, pointers], number) => {
      const call = imports[IMPORT_MODULE][name];
      return [name, (...args) => this.#imported(number, name, pointers, args, call, bytes)];
    });
    const instance = await instantiate(module, { ...imports, [IMPORT_MODULE]: Object.fromEntries(guestImports) });
    memory = instance.exports.memory;
    this.#write(new Writer(INSTANCE));
    const hostExports = Object.entries(EXPORTS).map(([name, pointers], number) => {
      const call = instance.exports[name];
      return [name, (...args) => this.#exported(number, pointers, args, call, bytes)];
    });
    return { exports: { memory, ...Object.fromEntries(hostExports) } };
  }

  #exported(number, pointers, args, call, bytes) {
    const record = new Writer(EXPORT).byte(number).numbers(args);
    record.parts(pointers.map((at) => lend(bytes(), args[at], args[at + 1])));
    this.#write(record);
    try {
      const answer = call(...args);
      this.#write(new Writer(RETURN).signed(answer));
      return answer;
    } catch (error) {
      this.#write(new Writer(TRAP).byte(0).part(new TextEncoder().encode(String(error))));
      throw error;
    }
  }

  #imported(number, name, pointers, args, call, bytes) {
    const record = new Writer(IMPORT).byte(number).numbers(args);
    const lent = name === "avatar_stream_write" ? gather(bytes(), args[1], args[2]) : pointers.map((at) => lend(bytes(), args[at], args[at + 1]));
    // Written before the call: the buffers are lent for it only.
    record.parts(lent.includes(undefined) ? [] : lent);
    const answer = call(...args);
    const filled = name === "avatar_random" ? range(bytes(), args[0], args[1]) : undefined;
    record.signed(answer ?? 0).part(filled ?? new Uint8Array());
    this.#write(record);
    return answer;
  }

  #write(record) {
    this.#records.push(record.finish());
  }
}

/** A part of the memory; undefined when it is not inside. Pointers and lengths are unsigned numbers in an i32. */
function range(memory, pointer, length) {
  const [start, size] = [pointer >>> 0, length >>> 0];
  return start + size <= memory.length ? memory.subarray(start, start + size) : undefined;
}

/** A lent buffer; undefined when a host refuses it. */
function lend(memory, pointer, length) {
  const part = range(memory, pointer, length);
  return part === undefined || part.length > MAX_BUFFER_BYTES ? undefined : part;
}

/** The parts of a vector of (pointer, length) pairs. */
function gather(memory, pointer, count) {
  const size = (count >>> 0) * 8;
  const vector = size > 0xffffffff ? undefined : lend(memory, pointer, size);
  if (vector === undefined) return [undefined];
  const view = new DataView(vector.buffer, vector.byteOffset, vector.byteLength);
  const parts = Array.from({ length: count >>> 0 }, (_, n) => lend(memory, view.getUint32(n * 8, true), view.getUint32(n * 8 + 4, true)));
  return parts.reduce((sum, part) => sum + (part?.length ?? 0), 0) > MAX_BUFFER_BYTES ? [undefined] : parts;
}

/** One record in the making. */
class Writer {
  #bytes;

  constructor(kind) {
    this.#bytes = [Uint8Array.of(kind)];
  }

  byte(value) {
    this.#bytes.push(Uint8Array.of(value));
    return this;
  }

  unsigned(value) {
    this.#bytes.push(leb128(BigInt(value)));
    return this;
  }

  signed(value) {
    const wide = BigInt.asIntN(64, BigInt(value));
    return this.unsigned(BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n)));
  }

  numbers(values) {
    for (const value of values) this.signed(value);
    return this;
  }

  part(content) {
    this.unsigned(content.length);
    // A copy: the memory goes on changing.
    this.#bytes.push(content.slice());
    return this;
  }

  parts(all) {
    this.unsigned(all.length);
    for (const content of all) this.part(content);
    return this;
  }

  finish() {
    const length = this.#bytes.reduce((sum, { length }) => sum + length, 0);
    return joined([leb128(BigInt(length)), ...this.#bytes]);
  }
}

function leb128(value) {
  const bytes = [];
  for (; value >= 0x80n; value >>= 7n) bytes.push(Number(value & 0x7fn) | 0x80);
  bytes.push(Number(value));
  return Uint8Array.from(bytes);
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
