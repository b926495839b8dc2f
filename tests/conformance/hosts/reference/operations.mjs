// The operations and streams of one instance: each accepted one completes exactly once (H14), in a later turn.
import { OpErrorCode, OpFailed, Refused, Status } from "./status.mjs";

export const MAX_OPS = 1_024;
const FINISH_WRITING = 1;
const RESET = 3;

const cancelled = () => {
  throw new OpFailed(Status.CANCELLED, OpErrorCode.CANCELLED, "cancelled");
};

export class Operations {
  /** What is to be told to the guest, in order: functions of its boundary. */
  events = [];
  pending = new Map();
  streams = new Map();
  #batches = [];

  constructor(store, keys, net, wake) {
    Object.assign(this, { store, keys, net, wake });
  }

  admit(op) {
    if (this.pending.has(op)) throw new Refused(Status.INVALID);
    if (this.pending.size >= this.maxOps()) throw new Refused(Status.LIMIT);
  }

  maxOps() {
    return MAX_OPS;
  }

  // ---- storage

  storage(op, head, body) {
    this.admit(op);
    const ops = this.store.decode(head, body);
    this.pending.set(op, { cancel: () => this.unqueue(op) });
    this.#batches.push({ op, ops });
    // One after another, in the order in which they came (H15).
    setImmediate(() => this.runNext(this.#batches));
  }

  runNext(batches) {
    const batch = batches.shift();
    if (!batch) return;
    this.settle(batch.op, () => this.store.run(batch.ops));
  }

  /** A batch that waits can still be cancelled. */
  unqueue(op) {
    const at = this.#batches.findIndex((batch) => batch.op === op);
    if (at < 0) return;
    this.#batches.splice(at, 1);
    this.settle(op, cancelled);
  }

  /** Completes `op` with what `run` returns or throws. */
  settle(op, run) {
    if (!this.pending.delete(op)) return;
    let result;
    try {
      result = { status: Status.OK, ...run() };
    } catch (error) {
      const failure = error instanceof OpFailed ? error : new OpFailed(Status.IO, OpErrorCode.OTHER, String(error));
      result = { status: failure.status, head: failure.head };
    }
    const { status, head, body = new Uint8Array() } = result;
    this.tell((boundary) => boundary.complete(op, status, head, body));
  }

  tell(event) {
    this.events.push(event);
    this.wake();
  }

  cancel(op) {
    const operation = this.pending.get(op);
    if (!operation) throw new Refused(Status.NOT_FOUND);
    operation.cancel();
  }

  // ---- keys

  guard(op, bytes) {
    this.admit(op);
    const command = this.keys.decode(bytes);
    const due = setImmediate(() => this.settle(op, () => this.keys.run(command)));
    const cancel = () => {
      clearImmediate(due);
      this.settle(op, cancelled);
    };
    this.pending.set(op, { cancel });
  }

  // ---- net

  netRequest(op, head, body) {
    this.admit(op);
    const request = this.net.decode(head);
    const stream = request.responseStream;
    if (stream % 2 === 0 || stream >= 2 ** 31 || this.streams.has(stream)) throw new Refused(Status.INVALID);
    const exchange = this.net.exchange(request, body, {
      head: (response) => this.settle(op, () => ({ head: response })),
      failed: (failure) => {
        this.streams.delete(stream);
        this.settle(op, () => {
          throw failure;
        });
      },
      event: (kind, arg, data) => this.streamEvent(stream, kind, arg, data),
    });
    this.pending.set(op, { cancel: () => exchange.abort() });
    this.streams.set(stream, exchange);
    setImmediate(() => exchange.start());
  }

  streamEvent(stream, kind, arg, data) {
    if (!this.streams.has(stream)) return;
    const isOver = kind !== this.net.DATA;
    if (isOver) this.streams.delete(stream);
    const event = (boundary) => boundary.streamEvent(stream, kind, BigInt(arg), data ?? new Uint8Array());
    event.stream = stream;
    this.tell(event);
  }

  stream(stream) {
    const exchange = this.streams.get(stream);
    if (!exchange) throw new Refused(Status.NOT_FOUND);
    return exchange;
  }

  /** Responses are read only. */
  streamWrite(stream) {
    this.stream(stream);
    throw new Refused(Status.UNSUPPORTED);
  }

  streamGrant(stream, bytes) {
    this.stream(stream).grant(bytes);
  }

  streamClose(stream, how) {
    if (how < FINISH_WRITING || how > RESET) throw new Refused(Status.INVALID);
    const exchange = this.stream(stream);
    if (how === FINISH_WRITING) return;
    this.silence(stream);
    exchange.abort();
  }

  /** The guest has reset the stream: what waits is not told any more (H19). */
  silence(stream) {
    this.streams.delete(stream);
    this.events = this.events.filter((event) => event.stream !== stream);
  }

  /** The instance is gone: nobody is told anything. */
  abandon() {
    this.tell = () => undefined;
    this.events = [];
    for (const exchange of this.streams.values()) exchange.abort();
  }
}
