/** What passes over a channel. `batch` is an encoded ClientBatch (towards the host) or HostBatch (towards a client); `bodies` are what frames refer to by `body` (1-based). */
export interface ChannelMessage {
  batch: Uint8Array;
  bodies?: Uint8Array[];
}

/**
 * One end of a channel to one client. A MessagePort (of browsers or of Node), a BroadcastChannel, and any object of this shape fit.
 * The host sets `onmessage`, and calls `postMessage` with the buffers to transfer (a BroadcastChannel ignores them).
 */
export interface PortLike {
  postMessage(message: ChannelMessage, transfer: ArrayBuffer[]): void;
  onmessage: ((event: { data: unknown }) => void) | null;
}

/** One step of an atomic batch of a {@link JsStorage}. Keys are 1 to 512 bytes, compared bytewise. Ranges are `start <= key < end`; no `end`: to the last key. */
export type JsStorageOp =
  | { op: "put"; key: Uint8Array; value: Uint8Array }
  | { op: "delete"; key: Uint8Array }
  | { op: "deleteRange"; start: Uint8Array; end?: Uint8Array }
  | { op: "get"; key: Uint8Array }
  | { op: "scan"; start: Uint8Array; end?: Uint8Array; limit: number; maxBytes: number; keysOnly: boolean };

/** What one `get` or `scan` found, in the order of the keys. A `get` finds one or none. `values` is empty when `keysOnly`. */
export interface JsStorageRead {
  keys: Uint8Array[];
  values: Uint8Array[];
  /** The scan stopped at `limit` or `maxBytes`, and there is more. */
  more: boolean;
}

/**
 * A store given by the embedder (the folder store of Node). The rules are in `avatar-web/src/storage/js.rs`; in short: `batch` is atomic, takes effect
 * in the order of the calls whether or not the caller awaits, its reads see the writes that stand before them, and the arrays it is given are its own.
 */
export interface JsStorage {
  /** What `HostStatus.storage` reports. */
  readonly kind: "folder" | "memory";
  /** Guards this store's key sets. Without it they live in memory. */
  readonly keys?: JsKeys;
  /**
   * Resolves, when the batch is as durable as `durability` says, with one result for each `get` and `scan`, in order.
   * Rejects, with nothing applied, with an Error whose `code` is `QUOTA_EXCEEDED`, `STORAGE_BLOCKED`, `STORAGE_LOST` or anything else (taken as an I/O error).
   */
  batch(ops: JsStorageOp[], durability: "relaxed" | "strict"): Promise<JsStorageRead[]>;
  /** Lets go of everything, after the batches under way. */
  close(): Promise<void>;
}

/** Guards the key sets of a {@link JsStorage}. The rules are those of `avatar_keys` in proto/ABI.md. */
export interface JsKeys {
  /**
   * Takes an encoded KeysCommand, which has been checked, and resolves with an encoded KeysResult.
   * Rejects with an Error whose `code` is `NOT_FOUND`, `CORRUPT`, `INVALID_ARGUMENT`, `UNSUPPORTED`, one of a store's, or anything else (taken as an I/O error).
   */
  run(command: Uint8Array): Promise<Uint8Array>;
}

/**
 * libp2p as a host uses it, for one instance of the Meta Unit after another. It may start when the first command comes, and not before: what comes meanwhile waits in it.
 * Statuses are those of the ABI: 0, or a negative AbiStatus. `P2p` of avatar-web/p2p/src/js.rs is the swarm itself.
 */
export interface JsSwarm {
  /**
   * A new instance begins. `tell(of, kind, arg, data)`: kind 1 to 6 is an event of the stream `of` as ABI.md §7 has it; 0 is the completion of the operation `of`, with its status as
   * `arg`. It is called from the event loop, never inside a call of the swarm, but for the question -1: whether another capability of the host uses the number `of` for a stream.
   * `secret` gives the transport key, 32 bytes of Ed25519, which the host keeps beside its database. `agent` is what peers are told of the host.
   */
  attach(tell: (of: bigint, kind: number, arg: number, data: Uint8Array | undefined) => boolean, secret: () => Promise<Uint8Array>, agent: string): void;
  /** The instance is gone: its streams are reset, nothing of it waits, and it is told nothing any more. */
  detach(): void;
  /** An encoded P2pCommand. A swarm that has not started takes it unread, and says what is wrong with it by the completion. */
  command(op: bigint, command: Uint8Array): number;
  cancel(op: bigint): number;
  hasStream(stream: number): boolean;
  /** How many bytes were taken, or a negative AbiStatus. The parts are views of the guest's memory, valid in this call. */
  streamWrite(stream: number, parts: Uint8Array[]): number;
  streamGrant(stream: number, bytes: number): number;
  streamClose(stream: number, how: number): number;
  /** For good. */
  close(): void;
}

/** What {@link Host.start} is given. */
export interface HostOptions {
  /** The compiled meta_unit.wasm. Kept: new instances come from it after a trap. */
  module: WebAssembly.Module;
  /** The database's name. In IndexedDB: the database `avatar:<name>`, object stores `records` and `keys`. One host at a time per name: who starts it holds the lock. */
  name: string;
  /** `"auto"` (the default): IndexedDB, or memory (with the reason in HostReady and HostStatus) where the engine has none or the browser blocks it. */
  storage?: "auto" | "memory" | JsStorage;
  /** 64 hex digits: refuse a module whose `avatar:build` is another. */
  buildId?: string;
  /** Accept test-only requests (a forced trap). */
  testRequests?: boolean;
  /** Lets the Meta Unit reach peers. Without it the host says that it cannot. */
  p2p?: JsSwarm;
  /** Let the Meta Unit reach http on loopback addresses. Default false. */
  loopbackHttp?: boolean;
  /** The host cannot go on (crash loop). Every client was told by HostFailed. Called once at most; a new host may be started afterwards. */
  onfailed?: (error: HostError) => void;
  /** Log lines of the Meta Unit and of the host: 1 error, 2 warning, 3 info, 4 debug, 5 trace. Default: errors and warnings go to the console. */
  log?: (level: number, text: string) => void;
}

/**
 * Why a host did not start or cannot go on: a JavaScript Error with a code. `retryable`: the same may succeed later.
 * Codes: those of ErrorCode in request.proto without the prefix, and `WRONG_MODULE` (no Meta Unit, or of another ABI), `WRONG_BUILD`, `NO_WASM`
 * (the engine or a Content-Security-Policy refuses WebAssembly), `CRASH_LOOP`.
 */
export interface HostError extends Error {
  readonly name: "AvatarHostError";
  readonly code: string;
  readonly retryable: boolean;
}
