/**
 * A store that is given to the host: the folder store of Node. The rules are specified in avatar-web/src/storage/js.rs.
 *
 * @module
 */

/** One step of an atomic batch. Keys are 1 to 512 bytes, compared bytewise. Ranges are `start <= key < end`; no `end`: to the last key. */
export type JsStorageOp =
  | { op: "put"; key: Uint8Array; value: Uint8Array }
  | { op: "delete"; key: Uint8Array }
  | { op: "deleteRange"; start: Uint8Array; end?: Uint8Array }
  | { op: "get"; key: Uint8Array }
  | { op: "scan"; start: Uint8Array; end?: Uint8Array; limit: number; maxBytes: number; keysOnly: boolean };

/** What one `get` or `scan` found, in the order of the keys. `values` is empty when `keysOnly`. */
export interface JsStorageRead {
  keys: Uint8Array[];
  values: Uint8Array[];
  more: boolean;
}

/** Guards the key sets of a store: takes an encoded KeysCommand, and resolves with an encoded KeysResult. @throws AvatarError */
export interface JsKeys {
  run(command: Uint8Array): Promise<Uint8Array>;
}

/** The store. */
export interface JsStorage {
  readonly kind: "folder" | "memory";
  readonly keys?: JsKeys;
  batch(ops: JsStorageOp[], durability: "relaxed" | "strict"): Promise<JsStorageRead[]>;
  close(): Promise<void>;
}
