/**
 * The public types of `@dao/avatar`: everything an application sees. Implementations are elsewhere; this file is the promise.
 *
 * @module
 */

import type { Credentials } from "./credentials/api.js";
import type { Identity, IdentityState } from "./identity/api.js";
import type { Peers, PeersState, Presence } from "./peers/api.js";

export type * from "./credentials/api.js";
export type * from "./identity/api.js";
export type * from "./peers/api.js";

/** A document's id: 26 characters of Crockford base32 (lower case), for 128 random bits. */
export type DocumentId = string;

/** What a document may hold: JSON, and a few more. `undefined` is not a value: assign it and the key is removed. */
export type DocValue = null | boolean | number | string | Date | Uint8Array | readonly DocValue[] | { readonly [key: string]: DocValue };

/** The shape of a document's content. */
export type DocContent = object;

/** A deep read-only view. Snapshots are frozen: they never change under the reader. */
export type Snapshot<T> = T extends Date | Uint8Array ? T : T extends readonly (infer I)[] ? readonly Snapshot<I>[] : T extends object ? { readonly [K in keyof T]: Snapshot<T[K]> } : T;

/** A mutable draft, as `doc.change` hands it out. It behaves like a plain object and records what is done to it. */
export type Draft<T> = { -readonly [K in keyof T]: T[K] extends Date | Uint8Array ? T[K] : T[K] extends readonly (infer I)[] ? Draft<I>[] : T[K] extends object ? Draft<T[K]> : T[K] };

/** Where in a document: keys of maps and indices of lists, from the root. */
export type DocPath = readonly (string | number)[];

/** Takes a listener off again. Calling it twice is harmless. */
export type Unsubscribe = () => void;

/** Options of {@link createAvatar}. All are optional; the defaults are what an application wants. */
export interface AvatarOptions {
  /** The database's name: one origin can hold several Avatars apart. Default `"default"`. */
  name?: string;
  /** Relays by which the person's devices find each other: multiaddrs, at most 16. {@link Peers.useRelays} says others later. */
  relays?: readonly string[];
  /** `false` runs the host in the calling thread; a URL or a Worker replaces the bundled worker file. Default: a dedicated worker in browsers, the calling thread in Node. */
  worker?: boolean | URL | string | Worker;
  /** Where `meta_unit.wasm` comes from: a URL, its bytes, or a compiled module. Default: beside this file, then the copy inlined in the package. */
  wasm?: URL | string | BufferSource | WebAssembly.Module;
  /** Node only: keep everything in this folder. Without it, Node keeps everything in memory. Ignored in browsers. */
  folder?: string;
  /** `"memory"` keeps nothing beyond the page. Default `"auto"`: the best the engine has. */
  storage?: "auto" | "memory";
  /** Ask the browser to persist storage (`navigator.storage.persist()`). Default `true`. */
  persist?: boolean;
  /** Gives up starting, and closes the Avatar later, when aborted. */
  signal?: AbortSignal;
  /** Accept test-only requests (a forced trap). Never set it in an application. @internal */
  testRequests?: boolean;
}

/** What kind of storage is in use. */
export type StorageKind = "indexeddb" | "folder" | "memory";

/** A report of how the node is doing. */
export interface AvatarStatus {
  /** The owner: a `did:key`. */
  readonly did: string;
  /** The version of the Meta Unit that runs. */
  readonly version: string;
  /** This client's part: whether this tab leads (hosts the Meta Unit) or follows another tab. */
  readonly role: "leader" | "follower";
  /** Where things are kept. */
  readonly storage: {
    /** What kind of storage is in use. */
    readonly kind: StorageKind;
    /** Why it is not the best kind; absent when it is. */
    readonly reason?: string;
    /** The browser has promised to keep the data until the person removes it. */
    readonly persisted: boolean;
    /** Bytes in use by this site, from the browser's own estimate; absent where it gives none. */
    readonly usageBytes?: number;
    /** Bytes that this site may use, from the browser's own estimate; absent where it gives none. */
    readonly quotaBytes?: number;
    /** How likely it is that this browser throws the data away without being asked. */
    readonly evictionRisk: "none" | "low" | "high";
    /** The version of the storage schema in use. */
    readonly schema: number;
  };
  /** How many documents there are. */
  readonly documents: {
    /** On this device. */
    readonly total: number;
    /** Cannot be read: their records are damaged. */
    readonly corrupt: number;
    /** In memory now. */
    readonly loaded: number;
    /** Loaded from storage since the Meta Unit started. */
    readonly loads: number;
  };
  /** The index that queries answer from. */
  readonly index: {
    /** Records that hold it. */
    readonly segments: number;
    /** How often it was made again from the documents since the Meta Unit started. */
    readonly rebuilds: number;
  };
  /** The WebAssembly instance that does the work. */
  readonly metaUnit: {
    /** Names the build of `meta_unit.wasm`: 64 hex digits. */
    readonly buildId: string;
    /** The size of its memory. */
    readonly memoryBytes: number;
    /** How often it was started again after a crash. */
    readonly restarts: number;
  };
  /** Writes that are not durable yet: this client's, and those that the Meta Unit works on. */
  readonly pendingWrites: number;
  /** Clients (tabs, mostly) that the host serves. */
  readonly clients: number;
  /** What the host can do: "storage", "net", "p2p", later "infer". */
  readonly capabilities: readonly string[];
  /** What this engine lacks, in words for people. */
  readonly lacking: readonly string[];
}

/** Events of an {@link Avatar} and what their listeners get. */
export interface AvatarEvents {
  /** This tab became the leader, or another one did. */
  role: {
    /** What this tab is now. */
    role: "leader" | "follower";
  };
  /** The Meta Unit was started again after a crash. Nothing acknowledged is lost; the facade reopens documents and queries by itself. */
  restarted: {
    /** How often that has happened since the host began. */
    restarts: number;
    /** The last words of the instance that crashed. */
    reason: string;
  };
  /** A document's record is damaged; the others are not concerned. */
  corrupt: {
    /** Which document. */
    id: DocumentId;
    /** What is wrong with it, for developers. */
    reason: string;
  };
  /** The index is made again from the documents. */
  rebuilding: {
    /** Documents that are in it again. */
    done: number;
    /** Documents that will be. */
    total: number;
  };
  /** A write failed: storage is full, blocked or gone. */
  trouble: {
    /** What happened: an AvatarError with its code. */
    error: Error;
  };
  /** The identity, what opens the data, or whether it is locked, is another than before: in whichever tab that was done. */
  identity: IdentityState;
  /** The network, or how this node is in it, is another than before. Figures of connections are told at most once in two seconds. */
  peers: PeersState;
  /** The Avatar is closed. */
  closed: Record<string, never>;
}

/** A person's data node. Made by {@link createAvatar}. */
export interface Avatar extends AsyncDisposable {
  /** The owner: a `did:key`. Empty while a locked node does not know it. */
  readonly did: string;
  /** The libp2p peer id of this host; `undefined` until it takes part in a network. */
  readonly peerId: string | undefined;
  /** The documents. */
  readonly docs: Docs;
  /** Whose node it is, what opens it, and the ways back in. */
  readonly identity: Identity;
  /** Verifiable credentials: held, issued, presented, verified. */
  readonly credentials: Credentials;
  /** The person's devices on the network. */
  readonly peers: Peers;
  /** How the node is doing, asked of the Meta Unit and its host. */
  status(): Promise<AvatarStatus>;
  /** Listens to an event. */
  on<E extends keyof AvatarEvents>(event: E, listener: (detail: AvatarEvents[E]) => void): Unsubscribe;
  /** Waits until everything accepted is durable, then lets go of storage and worker. Idempotent. */
  close(): Promise<void>;
}

/** The documents of an {@link Avatar}. */
export interface Docs {
  /**
   * Makes a document. Resolves when it is durable on this device.
   * @throws AvatarError `INVALID_ARGUMENT`, `QUOTA_EXCEEDED`, `CLOSED`, …
   */
  create<T extends DocContent = Record<string, DocValue>>(type: string, content: T): Promise<Doc<T>>;
  /**
   * Makes many documents in one go, without opening them: for imports. Resolves with their ids, in order, when all are durable.
   */
  createMany<T extends DocContent = Record<string, DocValue>>(type: string, contents: readonly T[]): Promise<DocumentId[]>;
  /** Opens a document. @throws AvatarError `NOT_FOUND`, `CORRUPT`, … */
  open<T extends DocContent = Record<string, DocValue>>(id: DocumentId): Promise<Doc<T>>;
  /** Removes a document and its history from this device. Idempotent. */
  delete(id: DocumentId): Promise<void>;
  /** A query over the index. It runs when asked: `get`, `subscribe` or `for await`. */
  query<T extends DocContent = Record<string, DocValue>>(query?: QuerySpec<T>): Query<T>;
}

/** An open document: a live, collaborative object. When the node is locked it keeps what is changed and waits: nothing typed is lost, and all is sent once the node is unlocked. */
export interface Doc<T extends DocContent = Record<string, DocValue>> extends AsyncDisposable {
  /** The document's id. */
  readonly id: DocumentId;
  /** What kind of thing it is, as given when it was made. */
  readonly type: string;
  /** The owner's DID. */
  readonly owner: string;
  /** When it was made. */
  readonly createdAt: Date;
  /** When it was changed last. */
  readonly updatedAt: Date;
  /** The content now, frozen. The same object until something changes; unchanged parts keep their identity. */
  readonly value: Snapshot<T>;
  /** Whether every change made here is durable on this device. */
  readonly saved: boolean;
  /** The document was deleted, here or elsewhere. `value` stays what it was last. */
  readonly deleted: boolean;
  /** There is a change made here that {@link Doc.undo} would take back. */
  readonly canUndo: boolean;
  /** There is a change taken back that {@link Doc.redo} would bring back. */
  readonly canRedo: boolean;
  /** Who else is at the document, on which device. */
  readonly presence: Presence;
  /** Changes the document. `value` shows it at once; the promise resolves when it is durable on this device. Strings assigned over strings become minimal text edits. */
  change(recipe: (draft: Draft<T>) => void, options?: { message?: string }): Promise<void>;
  /** Edits the text at `path`. Positions are UTF-16 code units, as in JavaScript strings. */
  splice(path: DocPath, index: number, deleteCount: number, insert?: string): Promise<void>;
  /** Called after each change, wherever it came from. */
  subscribe(listener: (event: DocChangeEvent<T>) => void): Unsubscribe;
  /** Newest first. */
  history(options?: { limit?: number; offset?: number }): Promise<HistoryEntry[]>;
  /** The document as it was. `heads` come from {@link HistoryEntry.heads}. */
  at(heads: readonly string[]): Promise<Snapshot<T>>;
  /** Takes back the last change made here; false when there is none. Others' changes stay. */
  undo(): Promise<boolean>;
  /** Brings back the last change taken back; false when there is none. */
  redo(): Promise<boolean>;
  /** Stops following the document. The data stays. */
  close(): Promise<void>;
}

/** What a listener of a document is told. */
export interface DocChangeEvent<T extends DocContent = Record<string, DocValue>> {
  /** `"local"`: made by this handle. `"remote"`: another tab, another device, an undo. `"deleted"`: the document is gone. `"saved"`: all of it is durable. */
  readonly source: "local" | "remote" | "deleted" | "saved";
  /** How the value changed, in order: for editors that patch instead of re-rendering. */
  readonly patches: readonly DocPatch[];
  /** The document, as it is after the change. */
  readonly doc: Doc<T>;
}

/** One step of a change. `path` leads to the place; with several steps, each is relative to the result of those in front of it. */
export type DocPatch = PutPatch | DeletePatch | InsertPatch | SplicePatch | IncrementPatch;

/** A key of a map, or an item of a list, has a new value. */
export interface PutPatch {
  /** Tells the kinds apart. */
  readonly op: "put";
  /** The key or the item. */
  readonly path: DocPath;
  /** What is there now. */
  readonly value: DocValue;
}

/** A key of a map, or items of a list, are gone. */
export interface DeletePatch {
  /** Tells the kinds apart. */
  readonly op: "delete";
  /** The key, or the first of the items. */
  readonly path: DocPath;
  /** How many items; 1 for a key. */
  readonly count: number;
}

/** A list has new items. */
export interface InsertPatch {
  /** Tells the kinds apart. */
  readonly op: "insert";
  /** The index that the first of them has now. */
  readonly path: DocPath;
  /** The items. */
  readonly values: readonly DocValue[];
}

/** A text was edited. */
export interface SplicePatch {
  /** Tells the kinds apart. */
  readonly op: "splice";
  /** The text. */
  readonly path: DocPath;
  /** Where in it, in UTF-16 code units. */
  readonly index: number;
  /** How many code units are gone from there. */
  readonly delete: number;
  /** What is there instead. */
  readonly insert: string;
}

/** A counter has changed. */
export interface IncrementPatch {
  /** Tells the kinds apart. */
  readonly op: "increment";
  /** The counter. */
  readonly path: DocPath;
  /** By how much; negative when it went down. */
  readonly by: number;
}

/** One entry of a document's history. */
export interface HistoryEntry {
  /** Names the change: hex. */
  readonly hash: string;
  /** Who made it: an automerge actor id, hex. One person has many. */
  readonly actor: string;
  /** When it was made, by the clock of the device that made it. */
  readonly time: Date;
  /** The note that was given with it. */
  readonly message?: string;
  /** Single operations in it. */
  readonly ops: number;
  /** Pass them to {@link Doc.at}. */
  readonly heads: readonly string[];
}

/** A value that the index compares. */
export type Scalar = string | number | boolean | null | Date;

/** A condition on one field. A bare value means `equals`. Several keys must all hold. */
export type Condition =
  | Scalar
  | {
      /** The field has this value. */
      equals?: Scalar;
      /** The field has another value, or is not there. */
      not?: Scalar;
      /** Less than. Values of different kinds do not compare. */
      lt?: Scalar;
      /** Less than, or equal. */
      lte?: Scalar;
      /** Greater than. */
      gt?: Scalar;
      /** Greater than, or equal. */
      gte?: Scalar;
      /** The field has one of these values. */
      in?: readonly Scalar[];
      /** The field is a list that has the value, or a string that has it as a part. */
      contains?: Scalar;
      /** The field is a string that begins so. */
      prefix?: string;
      /** The field is there (`true`), or not (`false`). */
      exists?: boolean;
    };

/** Field names (nested ones dotted) with conditions, all of which must hold; `and`, `or`, `not` combine. */
export type Where = { readonly [field: string]: Condition | readonly Where[] | Where } & {
  /** All of these hold. */
  and?: readonly Where[];
  /** At least one of these holds. */
  or?: readonly Where[];
  /** This does not hold. */
  not?: Where;
};

/** What a query asks for. */
export interface QuerySpec<T extends DocContent = Record<string, DocValue>> {
  /** Documents of this type alone. */
  type?: string;
  /** Documents for which this holds. */
  where?: Where;
  /** Field names, `-` before a name for descending: `["-updatedAt", "title"]`. */
  orderBy?: readonly string[];
  /** So many rows at most. */
  limit?: number;
  /** Leave out so many rows at the beginning. */
  offset?: number;
  /** Only these fields in the rows: less to carry. */
  select?: readonly (keyof T & string)[];
}

/** One found document, from the index: nothing was loaded for it. Long strings in `value` are cut (see {@link QueryRow.cut}); open the document for all of it. */
export interface QueryRow<T extends DocContent = Record<string, DocValue>> {
  /** The document's id, for {@link Docs.open}. */
  readonly id: DocumentId;
  /** What kind of thing it is. */
  readonly type: string;
  /** When it was made. */
  readonly createdAt: Date;
  /** When it was changed last. */
  readonly updatedAt: Date;
  /** What the index holds of the content: scalars and lists of scalars; nested ones under dotted names. */
  readonly value: Partial<Snapshot<T>>;
  /** Names of the fields that are cut. */
  readonly cut: readonly string[];
}

/** The rows of a query, with how many match before `limit` and `offset`. */
export interface QueryResults<T extends DocContent = Record<string, DocValue>> extends ReadonlyArray<QueryRow<T>> {
  /** How many documents match, before `limit` and `offset`. */
  readonly total: number;
}

/** A query, not yet run. */
export interface Query<T extends DocContent = Record<string, DocValue>> extends AsyncIterable<QueryResults<T>> {
  /** Runs the query once. */
  get(): Promise<QueryResults<T>>;
  /** Calls with the results now and after each change that alters them. While the node is locked nothing comes; afterwards it goes on by itself. */
  subscribe(listener: (results: QueryResults<T>) => void, onError?: (error: Error) => void): Unsubscribe;
}
