/**
 * The ends of channels between a client and its host.
 *
 * @module
 */

/** What passes over a channel: an encoded batch of frames, and large bytes beside it. */
export interface ChannelMessage {
  batch: Uint8Array;
  bodies?: Uint8Array[];
}

/** One end: a MessagePort, a BroadcastChannel, or anything of that shape. */
export interface PortLike {
  postMessage(message: ChannelMessage, transfer: ArrayBuffer[]): void;
  onmessage: ((event: { data: unknown }) => void) | null;
}

/** Two ends in one thread. A message arrives in a later microtask, as if it had travelled. */
export function portPair(): [PortLike, PortLike] {
  const a = new LocalPort();
  const b = new LocalPort();
  a.other = b;
  b.other = a;
  return [a, b];
}

class LocalPort implements PortLike {
  other: LocalPort | undefined;
  #waiting: ChannelMessage[] = [];
  #listener: ((event: { data: unknown }) => void) | null = null;

  get onmessage(): ((event: { data: unknown }) => void) | null {
    return this.#listener;
  }

  set onmessage(listener: ((event: { data: unknown }) => void) | null) {
    this.#listener = listener;
    if (listener !== null && this.#waiting.length > 0) queueMicrotask(() => this.#deliver());
  }

  postMessage(message: ChannelMessage): void {
    const other = this.other;
    if (other === undefined) return;
    other.#waiting.push(message);
    if (other.#waiting.length === 1) queueMicrotask(() => other.#deliver());
  }

  #deliver(): void {
    if (this.#listener === null) return;
    const messages = this.#waiting;
    this.#waiting = [];
    for (const data of messages) this.#listener?.({ data });
  }
}
