/**
 * libp2p for the host: loaded when the first command comes, and not before. The rules are `JsSwarm`'s in avatar-web/src/interface.d.ts.
 *
 * @module
 */
import initP2p, { P2p, type Swarm, type Tell } from "./avatar_p2p.js";

/** What libp2p needs: its module, and where this is a worker a port to a window that serves WebRTC. */
export interface P2pParts {
  module: WebAssembly.Module;
  window?: MessagePort | undefined;
}

/** Brings it. @throws AvatarError */
export type LoadP2p = () => Promise<P2pParts>;

const OK = 0;
const INVALID = -1;
const NOT_FOUND = -6;
const CANCELLED = -9;
const IO = -11;
/** The kind of a completion. */
const COMPLETED = 0;

/** OpError of abi.proto: code 1 CANCELLED, 7 NETWORK, 13 INVALID, and words for developers. Encoded by hand: the worker has no other use for a protobuf library. */
function opError(code: number, message: string): Uint8Array {
  const words = new TextEncoder().encode(message.slice(0, 300));
  return Uint8Array.of(8, code, 18, (words.length & 0x7f) | 0x80, words.length >> 7, ...words);
}

/** See the module's documentation. */
export class LazySwarm implements Omit<Swarm, "attach"> {
  readonly #load: LoadP2p;
  #swarm: Swarm | undefined;
  #tell: Tell | undefined;
  #secret: (() => Promise<Uint8Array>) | undefined;
  #agent = "";
  /** What waits until it is loaded. */
  #waiting = new Map<bigint, Uint8Array>();
  #loading = false;
  #closed = false;

  constructor(load: LoadP2p) {
    this.#load = load;
  }

  attach(tell: Tell, secret: () => Promise<Uint8Array>, agent: string): void {
    [this.#tell, this.#secret, this.#agent] = [tell, secret, agent];
    this.#swarm?.attach(tell);
  }

  detach(): void {
    this.#tell = undefined;
    this.#waiting.clear();
    this.#swarm?.detach();
  }

  command(op: bigint, command: Uint8Array): number {
    if (this.#swarm !== undefined) return this.#swarm.command(op, command);
    this.#waiting.set(op, command);
    if (!this.#loading) {
      this.#loading = true;
      void this.#start().then((error) => {
        this.#loading = false;
        this.#flush(error);
      });
    }
    return OK;
  }

  /** Resolves with why it did not start; the next command tries again. */
  async #start(): Promise<string | undefined> {
    try {
      const [secret, { module, window }] = await Promise.all([this.#secret?.(), this.#load()]);
      await initP2p({ module_or_path: module });
      if (this.#closed || secret === undefined) return "the host is closed";
      this.#swarm = P2p.start(secret, this.#agent, window);
      if (this.#tell !== undefined) this.#swarm.attach(this.#tell);
      return undefined;
    } catch (error) {
      return `libp2p did not start: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  #flush(error: string | undefined): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const [op, command] of waiting) {
      if (error !== undefined) this.#tell?.(op, COMPLETED, IO, opError(7, error));
      else {
        const status = this.#swarm?.command(op, command) ?? INVALID;
        if (status !== OK) this.#tell?.(op, COMPLETED, status, opError(13, "refused"));
      }
    }
  }

  cancel(op: bigint): number {
    if (this.#swarm !== undefined) return this.#swarm.cancel(op);
    if (!this.#waiting.delete(op)) return NOT_FOUND;
    // Not inside of the call.
    queueMicrotask(() => this.#tell?.(op, COMPLETED, CANCELLED, opError(1, "cancelled")));
    return OK;
  }

  hasStream(stream: number): boolean {
    return this.#swarm?.hasStream(stream) ?? false;
  }

  streamWrite(stream: number, parts: Uint8Array[]): number {
    return this.#swarm?.streamWrite(stream, parts) ?? NOT_FOUND;
  }

  streamGrant(stream: number, bytes: number): number {
    return this.#swarm?.streamGrant(stream, bytes) ?? NOT_FOUND;
  }

  streamClose(stream: number, how: number): number {
    return this.#swarm?.streamClose(stream, how) ?? NOT_FOUND;
  }

  close(): void {
    this.#closed = true;
    this.detach();
    this.#swarm?.close();
  }
}
