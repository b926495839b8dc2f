/**
 * The public types of `@dao/avatar`: everything an application sees. Implementations are elsewhere; this file is the promise.
 *
 * @module
 */

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
  /** Multiaddrs of relays. Kept for the peers part; ignored until this build has it. */
  relays?: string[];
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
  readonly did: string;
  readonly version: string;
  /** This client's part: whether this tab leads (hosts the Meta Unit) or follows another tab. */
  readonly role: "leader" | "follower";
  readonly storage: {
    readonly kind: StorageKind;
    /** Why it is not the best kind; absent when it is. */
    readonly reason?: string;
    readonly persisted: boolean;
    /** Bytes, from the browser's own estimate; absent where it gives none. */
    readonly usageBytes?: number;
    readonly quotaBytes?: number;
    /** In words: what could make this browser throw the data away. Empty when nothing is known to. */
    readonly evictionRisk: "none" | "low" | "high";
    readonly schema: number;
  };
  readonly documents: {
    readonly total: number;
    readonly corrupt: number;
    /** In memory now. */
    readonly loaded: number;
    /** Loaded from storage since the Meta Unit started. */
    readonly loads: number;
  };
  readonly index: { readonly segments: number; readonly rebuilds: number };
  readonly metaUnit: { readonly buildId: string; readonly memoryBytes: number; readonly restarts: number };
  readonly pendingWrites: number;
  readonly clients: number;
  /** What the host can do: "storage", "net", later "p2p", "infer". */
  readonly capabilities: readonly string[];
  /** What this engine lacks, in words for people. */
  readonly lacking: readonly string[];
}

/** Events of an {@link Avatar} and what their listeners get. */
export interface AvatarEvents {
  /** This tab became the leader, or another one did. */
  role: { role: "leader" | "follower" };
  /** The Meta Unit was started again after a crash. Nothing acknowledged is lost; the facade reopens documents and queries by itself. */
  restarted: { restarts: number; reason: string };
  /** A document's record is damaged; the others are not concerned. */
  corrupt: { id: DocumentId; reason: string };
  /** The index is made again from the documents. */
  rebuilding: { done: number; total: number };
  /** A write failed: storage is full, blocked or gone. */
  trouble: { error: Error };
  /** The Avatar is closed. */
  closed: Record<string, never>;
}

/** A person's data node. Made by {@link createAvatar}. */
export interface Avatar extends AsyncDisposable {
  /** The owner: a `did:key`. */
  readonly did: string;
  /** The libp2p peer id of this host; `undefined` until it takes part in a network. */
  readonly peerId: string | undefined;
  readonly docs: Docs;
  status(): Promise<AvatarStatus>;
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

/** An open document: a live, collaborative object. */
export interface Doc<T extends DocContent = Record<string, DocValue>> extends AsyncDisposable {
  readonly id: DocumentId;
  readonly type: string;
  /** The owner's DID. */
  readonly owner: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** The content now, frozen. The same object until something changes; unchanged parts keep their identity. */
  readonly value: Snapshot<T>;
  /** Whether every change made here is durable on this device. */
  readonly saved: boolean;
  readonly deleted: boolean;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
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
  redo(): Promise<boolean>;
  /** Stops following the document. The data stays. */
  close(): Promise<void>;
}

/** What a listener of a document is told. */
export interface DocChangeEvent<T extends DocContent = Record<string, DocValue>> {
  /** `"local"`: made by this handle. `"remote"`: another tab, an undo, later a peer. `"deleted"`: the document is gone. `"saved"`: all of it is durable. */
  readonly source: "local" | "remote" | "deleted" | "saved";
  /** How the value changed, in order: for editors that patch instead of re-rendering. */
  readonly patches: readonly DocPatch[];
  readonly doc: Doc<T>;
}

/** One step of a change. `path` leads to the place. */
export type DocPatch =
  | { readonly op: "put"; readonly path: DocPath; readonly value: DocValue }
  | { readonly op: "delete"; readonly path: DocPath; readonly count: number }
  | { readonly op: "insert"; readonly path: DocPath; readonly values: readonly DocValue[] }
  | { readonly op: "splice"; readonly path: DocPath; readonly index: number; readonly delete: number; readonly insert: string }
  | { readonly op: "increment"; readonly path: DocPath; readonly by: number };

/** One entry of a document's history. */
export interface HistoryEntry {
  readonly hash: string;
  readonly actor: string;
  readonly time: Date;
  readonly message?: string;
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
      equals?: Scalar;
      not?: Scalar;
      lt?: Scalar;
      lte?: Scalar;
      gt?: Scalar;
      gte?: Scalar;
      in?: readonly Scalar[];
      /** The field is a list that has the value, or a string that has it as a part. */
      contains?: Scalar;
      prefix?: string;
      exists?: boolean;
    };

/** Field names (nested ones dotted) with conditions, all of which must hold; `and`, `or`, `not` combine. */
export type Where = { readonly [field: string]: Condition | readonly Where[] | Where } & { and?: readonly Where[]; or?: readonly Where[]; not?: Where };

/** What a query asks for. */
export interface QuerySpec<T extends DocContent = Record<string, DocValue>> {
  type?: string;
  where?: Where;
  /** Field names, `-` before a name for descending: `["-updatedAt", "title"]`. */
  orderBy?: readonly string[];
  limit?: number;
  offset?: number;
  /** Only these fields in the rows: less to carry. */
  select?: readonly (keyof T & string)[];
}

/** One found document, from the index: nothing was loaded for it. Long strings in `value` are cut (see {@link QueryRow.cut}); open the document for all of it. */
export interface QueryRow<T extends DocContent = Record<string, DocValue>> {
  readonly id: DocumentId;
  readonly type: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly value: Partial<Snapshot<T>>;
  /** Names of the fields that are cut. */
  readonly cut: readonly string[];
}

/** The rows of a query, with how many match before `limit` and `offset`. */
export interface QueryResults<T extends DocContent = Record<string, DocValue>> extends ReadonlyArray<QueryRow<T>> {
  readonly total: number;
}

/** A query, not yet run. */
export interface Query<T extends DocContent = Record<string, DocValue>> extends AsyncIterable<QueryResults<T>> {
  get(): Promise<QueryResults<T>>;
  /** Calls with the results now and after each change that alters them. */
  subscribe(listener: (results: QueryResults<T>) => void, onError?: (error: Error) => void): Unsubscribe;
}
