/**
 * Calls over whatever connection there is. A connection may break (the leader tab is closed, the Meta Unit crashes): calls outlive it, and what is unanswered is sent again on
 * the next one. Every request of the contract may be: see "exactly once" in HACKING.md.
 *
 * @module
 */
import { AvatarClosedError, AvatarError, errorOfAppError } from "../errors.js";
import { readHostBatch, writeCancelFrame, writeHostFrame, writeRequestFrame, type HostFrame, type HostRequest } from "./frames.js";
import { readAppError, type HostFailed, type HostReady, type HostResponse, type HostRestarted } from "./messages.js";
import type { ChannelMessage, PortLike } from "./port.js";
import { Reader, Writer } from "./wire.js";

/** Who made a call hears this of it. Nothing comes after `last`, or after `fail`. */
export interface CallHandler {
  /** An answer: the field number of the Response's case, and its bytes (a view on the message: copy what you keep). */
  answer(field: number, payload: Uint8Array, last: boolean): void;
  fail(error: AvatarError): void;
  /** The connection broke, or the node was locked; {@link CallHandler.again} follows when there is a new one, or it is unlocked. Answers of before are void. */
  lost?(): void;
  /** What to send then; undefined ends the call silently. Without this method: the same request. */
  again?(): Uint8Array | undefined;
  /** False for the few requests that must not be sent twice: they fail with CRASHED. */
  readonly retries?: boolean;
  /** Whether an answer LOCKED is no end: the call is lost then, and made again when the node is unlocked. Without this method it fails. */
  waits?(): boolean;
}

/** A call in flight. */
export interface Call {
  /** Ends the call: its handler hears nothing any more. */
  cancel(): void;
}

/** What a channel tells of its connection. */
export interface ChannelEvents {
  ready(ready: HostReady): void;
  restarted(restarted: HostRestarted): void;
  /** An encoded Event of the contract. */
  event(bytes: Uint8Array): void;
  /** The host cannot go on. `closed`: it was closed in good order; another one may come. */
  failed(error: AvatarError, closed: boolean): void;
}

/** A message of more bytes is sent at once instead of at the end of the task. */
const FLUSH_BYTES = 1 << 20;
/** Calls that the host is given at most; the others wait here. Well under the limit of the Meta Unit, which all tabs share. */
const MAX_IN_FLIGHT = 8192;

interface CallState {
  readonly id: number;
  request: Uint8Array | HostRequest;
  readonly handler: CallHandler;
  /** Sent on the connection of now. */
  sent: boolean;
  /** Was sent on a connection that broke, or met a locked node. */
  lost: boolean;
  cancelled: boolean;
}

/** Multiplexes calls over one connection at a time. */
export class Channel {
  readonly #events: ChannelEvents;
  readonly #calls = new Map<number, CallState>();
  /** Not sent yet, because of the limit or for want of a connection. */
  #waiting: CallState[] = [];
  #inFlight = 0;
  #nextCall = 1;
  #port: PortLike | undefined;
  #ready = false;
  #batch = new Writer();
  #batchBytes = 0;
  #flushPlanned = false;
  #ended: AvatarError | undefined;

  constructor(events: ChannelEvents) {
    this.#events = events;
  }

  /** Goes on over this port. What is unanswered is sent when the host says that it is ready. */
  connect(port: PortLike): void {
    this.disconnect();
    this.#port = port;
    port.onmessage = (event) => {
      if (this.#port === port) this.#receive(event.data as ChannelMessage);
    };
  }

  /** The connection is gone. */
  disconnect(): void {
    if (this.#port !== undefined) this.#port.onmessage = null;
    this.#port = undefined;
    this.#ready = false;
    this.#batch = new Writer();
    this.#batchBytes = 0;
    for (const call of [...this.#calls.values()]) if (call.sent) this.#lose(call);
  }

  /** Whether there is a host that answers. */
  get connected(): boolean {
    return this.#ready;
  }

  /** Sends a Request. */
  call(request: Uint8Array, handler: CallHandler): Call {
    return this.#start(request, handler);
  }

  /** Sends a Request that has one answer. */
  ask(request: Uint8Array, options: { retries?: boolean; waits?: boolean } = {}): Promise<{ field: number; payload: Uint8Array }> {
    return new Promise((resolve, reject) => {
      this.#start(request, { answer: (field, payload) => resolve({ field, payload }), fail: reject, retries: options.retries ?? true, waits: () => options.waits ?? false });
    });
  }

  /** Asks the host itself. */
  askHost(request: HostRequest): Promise<HostResponse> {
    return new Promise((resolve, reject) => {
      this.#start(request, { answer: () => undefined, fail: reject, host: resolve });
    });
  }

  /** The node is unlocked: what waited for that is made again. */
  unlocked(): void {
    if (this.#ready) this.#resume();
  }

  /** Ends all calls, and every later one, with this error. */
  end(error: AvatarError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    this.#waiting = [];
    for (const { handler, cancelled } of calls) if (!cancelled) handler.fail(error);
    if (this.#port !== undefined) this.#port.onmessage = null;
    this.#port = undefined;
    this.#ready = false;
  }

  /** Sends what has gathered, now. */
  flush(): void {
    if (this.#batchBytes === 0 || this.#port === undefined) return;
    const batch = this.#batch.finish();
    this.#batchBytes = 0;
    this.#port.postMessage({ batch }, [batch.buffer]);
  }

  #start(request: Uint8Array | HostRequest, handler: HostCallHandler | CallHandler): Call {
    const call: CallState = { id: this.#nextCall++, request, handler, sent: false, lost: false, cancelled: false };
    if (this.#ended !== undefined) {
      const error = this.#ended;
      queueMicrotask(() => call.cancelled || handler.fail(error));
      return { cancel: () => void (call.cancelled = true) };
    }
    this.#calls.set(call.id, call);
    if (this.#ready && this.#inFlight < MAX_IN_FLIGHT && this.#waiting.length === 0) this.#send(call);
    else this.#waiting.push(call);
    return { cancel: () => this.#cancel(call) };
  }

  #send(call: CallState): void {
    call.sent = true;
    call.lost = false;
    this.#inFlight++;
    if (call.request instanceof Uint8Array) {
      writeRequestFrame(this.#batch, call.id, call.request);
      this.#batchBytes += call.request.length + 16;
    } else {
      writeHostFrame(this.#batch, call.id, call.request);
      this.#batchBytes += 16;
    }
    this.#planFlush();
  }

  #planFlush(): void {
    if (this.#batchBytes >= FLUSH_BYTES) {
      this.flush();
      return;
    }
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    queueMicrotask(() => {
      this.#flushPlanned = false;
      this.flush();
    });
  }

  #cancel(call: CallState): void {
    if (call.cancelled || !this.#calls.has(call.id)) return;
    call.cancelled = true;
    if (!call.sent) {
      this.#calls.delete(call.id);
      this.#waiting = this.#waiting.filter((other) => other !== call);
      return;
    }
    if (!this.#ready) return;
    writeCancelFrame(this.#batch, call.id);
    this.#batchBytes += 8;
    this.#planFlush();
  }

  /** The answers that a call had on the broken connection, or before the lock, are void. */
  #lose(call: CallState): void {
    call.sent = false;
    call.lost = true;
    this.#inFlight--;
    if (call.cancelled) {
      this.#calls.delete(call.id);
    } else if (call.handler.retries === false) {
      this.#calls.delete(call.id);
      call.handler.fail(new AvatarError("CRASHED", "The node was restarted while it worked on this request, which is not sent twice.", { retryable: true }));
    } else {
      call.handler.lost?.();
    }
  }

  /** Sends again what was lost, in the order in which it was first made, and then what waited. */
  #resume(): void {
    this.#waiting = [];
    for (const call of [...this.#calls.values()]) {
      if (call.sent) continue;
      const request = call.lost && call.handler.again !== undefined ? call.handler.again() : call.request;
      if (request === undefined) this.#calls.delete(call.id);
      else {
        call.request = request;
        this.#waiting.push(call);
      }
    }
    this.#sendWaiting();
  }

  #sendWaiting(): void {
    let sent = 0;
    while (this.#ready && this.#inFlight < MAX_IN_FLIGHT && sent < this.#waiting.length) this.#send(this.#waiting[sent++] as CallState);
    if (sent > 0) this.#waiting.splice(0, sent);
  }

  #receive(message: ChannelMessage): void {
    const frames = readHostBatch(message.batch);
    for (const frame of frames) this.#frame(frame);
    this.#sendWaiting();
  }

  #frame({ call: id, more, frame }: HostFrame): void {
    switch (frame.case) {
      case "ready":
        this.#ready = true;
        this.#events.ready(frame.value);
        this.#resume();
        return;
      case "failed":
        this.#failed(frame.value);
        return;
      case "restarted":
        this.#events.restarted(frame.value);
        this.#resume();
        return;
      case "event":
        this.#events.event(frame.value);
        return;
      case undefined:
        return;
    }
    const call = this.#calls.get(id);
    if (call === undefined || !call.sent) return;
    if (frame.case === "host") {
      this.#finish(call);
      if (call.cancelled) return;
      const { error } = frame.value;
      if (error !== undefined) call.handler.fail(errorOfAppError(error));
      else (call.handler as HostCallHandler).host(frame.value);
      return;
    }
    this.#response(call, frame.value, more);
  }

  #response(call: CallState, bytes: Uint8Array, more: boolean): void {
    const { field, payload } = readResponse(bytes);
    if (field === ERROR_FIELD) {
      const error = errorOfAppError(readAppError(payload));
      // The host that answers CLOSED was closed by another tab; that this client is closed, it knows itself.
      const connectionLost = (error.code === "CRASHED" && error.retryable) || error.code === "CLOSED";
      const waits = error.code === "LOCKED" && call.handler.waits?.() === true;
      if ((connectionLost || waits) && !call.cancelled) {
        this.#lose(call);
        return;
      }
      this.#finish(call);
      if (!call.cancelled) call.handler.fail(error);
      return;
    }
    if (!more) this.#finish(call);
    if (!call.cancelled) call.handler.answer(field, payload, !more);
  }

  #finish(call: CallState): void {
    this.#calls.delete(call.id);
    this.#inFlight--;
  }

  #failed({ error }: HostFailed): void {
    const failure = error ? errorOfAppError(error) : new AvatarClosedError();
    const closed = failure.code === "CLOSED";
    if (closed) this.disconnect();
    this.#events.failed(failure, closed);
  }
}

interface HostCallHandler extends CallHandler {
  host(response: HostResponse): void;
}

const ERROR_FIELD = 1;

/** The case of a Response, as its field number, and the case's bytes. */
export function readResponse(bytes: Uint8Array): { field: number; payload: Uint8Array } {
  const reader = new Reader(bytes);
  let field = 0;
  let payload: Uint8Array = EMPTY;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if ((tag & 7) === 2) {
      field = tag >>> 3;
      payload = reader.bytes();
    } else {
      reader.skipTag(tag);
    }
  }
  return { field, payload };
}

const EMPTY = new Uint8Array();
