/**
 * The rarer messages of the contract, read by tables (see `tables.ts`). The tests compare each with the generated code.
 *
 * @module
 */
import type { ErrorCode } from "../gen/dao/avatar/v1/request_pb.js";
import type { StorageKind } from "../gen/dao/avatar/v1/client_pb.js";
import { IDENTITY_STATE, type IdentityStateMessage } from "../identity/messages.js";
import { read, type Table } from "./tables.js";

/** AppError. */
export interface AppError {
  code: ErrorCode;
  message: string;
  retryable: boolean;
}

const APP_ERROR: Table = { 1: ["code", "uint"], 2: ["message", "string"], 3: ["retryable", "bool"] };

/** Reads an AppError. */
export const readAppError = (bytes: Uint8Array): AppError => read(APP_ERROR, bytes);

/** DocOpened. */
export interface DocOpened {
  view: number;
  documentId: Uint8Array;
  type: string;
  owner: string;
  heads: Uint8Array[];
  createdMs: number;
  updatedMs: number;
  appliedSeq: number;
}

const DOC_OPENED: Table = {
  1: ["view", "uint"],
  2: ["documentId", "bytes"],
  3: ["type", "string"],
  4: ["owner", "string"],
  5: ["heads", "bytes", true],
  6: ["createdMs", "sint"],
  7: ["updatedMs", "sint"],
  8: ["appliedSeq", "uint"],
};

/** Reads a DocOpened. */
export const readDocOpened = (bytes: Uint8Array): DocOpened => read(DOC_OPENED, bytes);

/** DocChanged. */
export interface DocChanged {
  heads: Uint8Array[];
  updatedMs: number;
  didSomething: boolean;
}

const DOC_CHANGED: Table = { 1: ["heads", "bytes", true], 2: ["updatedMs", "sint"], 3: ["didSomething", "bool"] };

/** Reads a DocChanged. */
export const readDocChanged = (bytes: Uint8Array): DocChanged => read(DOC_CHANGED, bytes);

/** DocHistoryResult. */
export interface DocHistoryResult {
  changes: { hash: Uint8Array; actor: Uint8Array; seq: number; timeMs: number; message: string; ops: number; heads: Uint8Array[] }[];
  total: number;
}

const CHANGE_INFO: Table = { 1: ["hash", "bytes"], 2: ["actor", "bytes"], 3: ["seq", "uint"], 4: ["timeMs", "sint"], 5: ["message", "string"], 6: ["ops", "uint"], 7: ["heads", "bytes", true] };
const DOC_HISTORY_RESULT: Table = { 1: ["changes", CHANGE_INFO, true], 2: ["total", "uint"] };

/** Reads a DocHistoryResult. */
export const readDocHistoryResult = (bytes: Uint8Array): DocHistoryResult => read(DOC_HISTORY_RESULT, bytes);

/** StatusResult. */
export interface StatusResult {
  did: string;
  storageSchema: number;
  documents: number;
  corruptDocuments: number;
  loadedDocuments: number;
  documentLoads: number;
  indexSegments: number;
  memoryBytes: number;
  pendingWrites: number;
  views: number;
  liveQueries: number;
  version: string;
  indexRebuilds: number;
}

const STATUS_RESULT: Table = {
  1: ["did", "string"],
  2: ["storageSchema", "uint"],
  3: ["documents", "uint"],
  4: ["corruptDocuments", "uint"],
  5: ["loadedDocuments", "uint"],
  6: ["documentLoads", "uint"],
  7: ["indexSegments", "uint"],
  8: ["memoryBytes", "uint"],
  9: ["pendingWrites", "uint"],
  10: ["views", "uint"],
  11: ["liveQueries", "uint"],
  12: ["version", "string"],
  13: ["indexRebuilds", "uint"],
};

/** Reads a StatusResult. */
export const readStatusResult = (bytes: Uint8Array): StatusResult => read(STATUS_RESULT, bytes);

/** Event: one of these is there, or none that this build knows. */
export interface Event {
  docCorrupt?: { documentId: Uint8Array; reason: string };
  indexRebuilding?: { done: number; total: number };
  storageTrouble?: { code: ErrorCode; message: string };
  identityChanged?: IdentityStateMessage;
  /** An encoded PeersState, if it is this one: its reader is a part of its own. */
  peersChanged: Uint8Array[];
  presenceChanged?: { documentId: Uint8Array; device: Uint8Array; data: Uint8Array };
}

const EVENT: Table = {
  1: ["docCorrupt", { 1: ["documentId", "bytes"], 2: ["reason", "string"] }],
  2: ["indexRebuilding", { 1: ["done", "uint"], 2: ["total", "uint"] }],
  3: ["storageTrouble", { 1: ["code", "uint"], 2: ["message", "string"] }],
  4: ["identityChanged", IDENTITY_STATE],
  5: ["peersChanged", "bytes", true],
  6: ["presenceChanged", { 1: ["documentId", "bytes"], 2: ["device", "bytes"], 3: ["data", "bytes"] }],
};

/** Reads an Event. */
export const readEvent = (bytes: Uint8Array): Event => read(EVENT, bytes);

/** HostStatus. */
export interface HostStatus {
  storage: StorageKind;
  storageReason: string;
  persisted: boolean;
  usageBytes: number;
  quotaBytes: number;
  restarts: number;
  buildId: string;
  clients: number;
  capabilities: string[];
  host: string;
  lacking: string[];
}

/** HostResponse: one of these is there. */
export interface HostResponse {
  status?: HostStatus;
  done?: object;
  error?: AppError;
}

const HOST_STATUS: Table = {
  1: ["storage", "uint"],
  2: ["storageReason", "string"],
  3: ["persisted", "bool"],
  4: ["usageBytes", "uint"],
  5: ["quotaBytes", "uint"],
  6: ["restarts", "uint"],
  7: ["buildId", "string"],
  8: ["clients", "uint"],
  9: ["capabilities", "string", true],
  10: ["host", "string"],
  11: ["lacking", "string", true],
};
const HOST_RESPONSE: Table = { 1: ["status", HOST_STATUS], 2: ["done", {}], 3: ["error", APP_ERROR] };

/** Reads a HostResponse. */
export const readHostResponse = (bytes: Uint8Array): HostResponse => read(HOST_RESPONSE, bytes);

/** HostReady. */
export interface HostReady {
  did: string;
  storage: StorageKind;
  storageReason: string;
  buildId: string;
  version: string;
}

const HOST_READY: Table = { 1: ["did", "string"], 2: ["storage", "uint"], 3: ["storageReason", "string"], 4: ["buildId", "string"], 5: ["version", "string"] };

/** Reads a HostReady. */
export const readHostReady = (bytes: Uint8Array): HostReady => read(HOST_READY, bytes);

/** HostFailed. */
export interface HostFailed {
  error?: AppError;
}

const HOST_FAILED: Table = { 1: ["error", APP_ERROR] };

/** Reads a HostFailed. */
export const readHostFailed = (bytes: Uint8Array): HostFailed => read(HOST_FAILED, bytes);

/** HostRestarted. */
export interface HostRestarted {
  restarts: number;
  reason: string;
}

const HOST_RESTARTED: Table = { 1: ["restarts", "uint"], 2: ["reason", "string"] };

/** Reads a HostRestarted. */
export const readHostRestarted = (bytes: Uint8Array): HostRestarted => read(HOST_RESTARTED, bytes);
