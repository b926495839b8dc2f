// One instance of a guest: the only file of this host that touches its memory, calls yuan_*, or is called as avatar_*.
import { randomFillSync } from "node:crypto";
import { Refused, Status } from "./status.mjs";

export const MAX_BUFFER_BYTES = 16 * 1024 * 1024;
const ABI_MAJOR = 1;
const ABI_MINOR = 0;
const MORE = 1;
const FIN = 2;
const RANDOM_PIECE = 65_536;

/** Instances of this are linked to a `world`, which says what the imports mean. */
export class Boundary {
  #exports;

  constructor(world) {
    this.world = world;
  }

  /** Refuses a module that this host cannot serve, before any of it runs (H6). */
  static check(module) {
    const [section] = WebAssembly.Module.customSections(module, "avatar:abi");
    if (section?.byteLength !== 6) throw new Error("the module does not say which ABI it speaks");
    const view = new DataView(section);
    const [major, minHostMinor] = [view.getUint16(0, true), view.getUint16(4, true)];
    if (major !== ABI_MAJOR) throw new Error(`the module speaks ABI ${major}`);
    if (minHostMinor > ABI_MINOR) throw new Error(`the module needs a host of ABI 1.${minHostMinor}`);
  }

  async instantiate(module) {
    const instance = await WebAssembly.instantiate(module, { avatar_v1: this.imports() });
    this.#exports = instance.exports;
  }

  // ---- the guest's memory

  /** All of the memory, as it is now (H2). */
  memory() {
    return new Uint8Array(this.#exports.memory.buffer);
  }

  /** A lent buffer (H4). */
  lent(ptr, len) {
    const memory = this.memory();
    const [start, end] = [ptr >>> 0, (ptr >>> 0) + (len >>> 0)];
    if (end > memory.length) throw new Refused(Status.BAD_BUFFER);
    if (len >>> 0 > MAX_BUFFER_BYTES) throw new Refused(Status.LIMIT);
    return memory.subarray(start, end);
  }

  /** What is kept of a lent buffer (H3). */
  copy(lent) {
    return lent.slice();
  }

  /** Lends for the import's own time; the import copies. */
  take(ptr, len) {
    return this.copy(this.lent(ptr, len));
  }

  /** Gives the guest a buffer with these bytes. The pointer; undefined when the guest has no room. */
  give(bytes) {
    if (bytes.length === 0) return 0;
    const ptr = this.#exports.yuan_alloc(bytes.length) >>> 0;
    if (ptr === 0) return undefined;
    this.write(ptr, bytes);
    return ptr;
  }

  write(ptr, bytes) {
    // A guest that hands out what it does not have is dead from here on: `set` throws.
    this.memory().set(bytes, ptr);
  }

  // ---- exports

  init(hello) {
    return this.#exports.yuan_init(this.give(hello), hello.length);
  }

  handleRequest(req, bytes) {
    const ptr = this.give(bytes);
    return ptr === undefined ? Status.LIMIT : this.#exports.yuan_handle_request(req, ptr, bytes.length);
  }

  complete(op, status, head, body) {
    const headPtr = this.give(head);
    const bodyPtr = this.give(body);
    if (headPtr === undefined || bodyPtr === undefined) return this.#exports.yuan_complete(op, Status.LIMIT, headPtr ?? 0, headPtr ? head.length : 0, 0, 0);
    return this.#exports.yuan_complete(op, status, headPtr, head.length, bodyPtr, body.length);
  }

  streamEvent(stream, kind, arg, data) {
    const ptr = this.give(data);
    return ptr === undefined ? Status.LIMIT : this.#exports.yuan_stream_event(stream, kind, arg, ptr, data.length);
  }

  /** 0, microseconds to the next timer, or negative. */
  turn(budgetUs) {
    return Number(this.#exports.yuan_turn(budgetUs));
  }

  shutdown(deadlineUs) {
    return this.#exports.yuan_shutdown(BigInt(deadlineUs));
  }

  // ---- imports

  imports() {
    // Imports never throw: what goes wrong is a status.
    const guarded = (run) => (...args) => {
      try {
        return run(...args) ?? Status.OK;
      } catch (error) {
        return error instanceof Refused ? error.status : Status.IO;
      }
    };
    const silent = (run) => (...args) => void guarded(run)(...args);
    const functions = Object.fromEntries(Object.entries(this.calls()).map(([name, run]) => [name, guarded(run)]));
    return {
      ...functions,
      avatar_log: silent((level, ptr, len) => this.world.log(level, this.text(this.take(ptr, len)))),
      avatar_panic: silent((ptr, len) => this.world.log(1, this.text(this.take(ptr, len)))),
      avatar_clock_unix_us: () => BigInt(Date.now()) * 1_000n,
      avatar_clock_monotonic_us: () => this.monotonicUs(),
    };
  }

  /** The imports that return a status; OK where they return nothing. */
  calls() {
    const { world } = this;
    const operation = (run) => (op, head, headLen, body, bodyLen) => {
      if (op === 0n) throw new Refused(Status.INVALID);
      return run(op, this.take(head, headLen), this.take(body, bodyLen));
    };
    const command = (run) => (op, ptr, len) => {
      if (op === 0n) throw new Refused(Status.INVALID);
      return run(op, this.take(ptr, len));
    };
    return {
      avatar_random: (ptr, len) => this.random(this.lent(ptr, len)),
      avatar_respond: (req, flags, head, headLen, body, bodyLen) => {
        if (flags !== MORE && flags !== FIN) throw new Refused(Status.INVALID);
        return world.respond(req, flags === FIN, this.take(head, headLen), this.take(body, bodyLen));
      },
      avatar_emit: (topic, ptr, len) => {
        this.take(ptr, len);
        if (topic !== 1) throw new Refused(Status.UNSUPPORTED);
      },
      avatar_storage: operation((op, head, body) => world.storage(op, head, body)),
      avatar_net_request: operation((op, head, body) => world.netRequest(op, head, body)),
      avatar_infer: () => this.unsupported(),
      avatar_p2p: command((op, bytes) => world.p2p(op, bytes)),
      avatar_keys: command((op, bytes) => world.keys(op, bytes)),
      avatar_cancel: (op) => world.cancel(op),
      avatar_stream_write: (stream, iov, count) => {
        const pairs = this.lent(iov, count * 8);
        const view = new DataView(pairs.buffer, pairs.byteOffset, pairs.byteLength);
        const parts = Array.from({ length: count }, (_, nth) => this.take(view.getUint32(8 * nth, true), view.getUint32(8 * nth + 4, true)));
        return world.streamWrite(stream, Buffer.concat(parts));
      },
      avatar_stream_grant: (stream, bytes) => world.streamGrant(stream, bytes >>> 0),
      avatar_stream_close: (stream, how) => world.streamClose(stream, how),
    };
  }

  /** What this host lacks (H20). */
  unsupported() {
    throw new Refused(Status.UNSUPPORTED);
  }

  text(bytes) {
    return new TextDecoder().decode(bytes);
  }

  monotonicUs() {
    return process.hrtime.bigint() / 1_000n;
  }

  /** Fills any length, in pieces (H13). */
  random(bytes) {
    for (let at = 0; at < bytes.length; at += RANDOM_PIECE) randomFillSync(bytes.subarray(at, at + RANDOM_PIECE));
  }
}
