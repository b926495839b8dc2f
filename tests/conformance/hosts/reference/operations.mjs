// The operations and streams of one instance: each accepted one completes exactly once (H14), in a later turn.
import { Kind } from "./link.mjs";
import { OpErrorCode, OpFailed, Refused, Status } from "./status.mjs";

export const MAX_OPS = 1_024;
const FINISH_WRITING = 1;
const STOP_READING = 2;
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
  #opening = new Set();
  #lastInbound = 0;

  /** `host` has the parts that outlive an instance; `wake` is called when there is something to tell the guest. */
  constructor({ parts, store, keys, net, p2p }, wake) {
    Object.assign(this, { parts, store, keys, net, p2p, wake });
    this.session = { events: new parts.PeerEvents(), inbound: (stream, head) => this.inbound(stream, head) };
    p2p.attach(this.session);
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

  // ---- peers

  reach(op, bytes) {
    this.admit(op);
    const command = this.p2p.decode(bytes);
    const number = command.case === "openStream" ? command.value.stream : undefined;
    if (number !== undefined && this.isTaken(number)) throw new Refused(Status.INVALID);
    this.#opening.add(number);
    this.pending.set(op, { cancel: () => this.p2p.cancel(command, this.session) && this.settle(op, cancelled) });
    const failed = (failure) =>
      this.settle(op, () => {
        throw failure;
      });
    this.p2p
      .run(command, this.session)
      .then(({ head, stream }) => this.reached(op, head, stream), failed)
      .finally(() => this.#opening.delete(number));
  }

  isTaken(number) {
    return this.p2p.minds(this.streams.has(number) || this.#opening.has(number));
  }

  reached(op, head, opened) {
    // Cancelled meanwhile, or the instance is gone.
    if (!this.pending.has(op)) return opened?.stream.abort(new Error("nobody waits for it"));
    this.settle(op, () => ({ head }));
    if (opened) this.link(opened.number, opened.stream, Kind.OPENED);
  }

  inbound(stream, head) {
    this.#lastInbound += 2;
    this.link(this.#lastInbound, stream, Kind.INBOUND, head);
  }

  link(number, stream, kind, head) {
    const tell = (...event) => this.tellOf(number, ...event);
    const link = new this.parts.Link(stream, tell, () => this.streams.delete(number));
    this.streams.set(number, link);
    tell(kind, link.credit, head);
  }

  tellOf(stream, kind, arg, data = new Uint8Array()) {
    const event = (boundary) => {
      if (boundary.streamEvent(stream, kind, BigInt(arg), data) === Status.LIMIT) this.giveUp(boundary, stream);
    };
    this.tell(Object.assign(event, { stream, kind }));
  }

  // ---- net

  netRequest(op, head, body) {
    this.admit(op);
    const request = this.net.decode(head);
    const stream = request.responseStream;
    if (stream % 2 === 0 || stream >= 2 ** 31 || this.streams.has(stream) || this.#opening.has(stream)) throw new Refused(Status.INVALID);
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
    this.tellOf(stream, kind, arg, data);
  }

  /** The guest has no room for bytes: a stream with a gap is none (H27). */
  giveUp(boundary, stream) {
    if (this.streams.has(stream)) this.streamClose(stream, RESET);
    boundary.streamEvent(stream, Kind.RESET, BigInt(-Status.LIMIT), new Uint8Array());
  }

  stream(stream) {
    const exchange = this.streams.get(stream);
    if (!exchange) throw new Refused(Status.NOT_FOUND);
    return exchange;
  }

  /** Responses are read only. */
  streamWrite(stream, bytes) {
    const link = this.stream(stream);
    if (!link.write) throw new Refused(Status.UNSUPPORTED);
    return link.write(bytes);
  }

  streamGrant(stream, bytes) {
    this.stream(stream).grant(bytes);
  }

  streamClose(stream, how) {
    if (how < FINISH_WRITING || how > RESET) throw new Refused(Status.INVALID);
    const link = this.stream(stream);
    if (link.close) {
      this.silence(stream, how);
      return link.close(how);
    }
    if (how === FINISH_WRITING) return;
    this.streams.delete(stream);
    this.silence(stream, RESET);
    link.abort();
  }

  /** What waits of a way that the guest has closed is not told any more (H19). */
  silence(stream, how) {
    const ended = { [FINISH_WRITING]: [Kind.WRITABLE], [STOP_READING]: [Kind.DATA, Kind.FIN], [RESET]: Object.values(Kind) }[how];
    this.events = this.events.filter((event) => event.stream !== stream || !ended.includes(event.kind));
  }

  /** The instance is gone: nobody is told anything. */
  abandon() {
    this.tell = () => undefined;
    this.events = [];
    this.pending.clear();
    this.p2p.detach();
    for (const stream of this.streams.values()) stream.abandon();
  }
}
