/**
 * The messages of `identity.proto` that a client reads.
 *
 * @module
 */
import { read, type Table } from "../channel/tables.js";
import { KeyProtection as WireKeyProtection } from "../gen/dao/avatar/v1/keys_pb.js";
import { toBase64Url } from "../base64url.js";
import type { BackupReport, DeviceConsent, IdentityState, KeyProtection } from "./api.js";

/** Field numbers of the cases of Response. */
export const IdentityAnswer = { identity: 30, identityWords: 31, deviceLog: 32, deviceConsent: 33, backupPart: 40, backupOpened: 41, backupReport: 42 } as const;

/** IdentityState. */
export interface IdentityStateMessage {
  did: string;
  formerDids: string[];
  locked: boolean;
  lockedReason: string;
  protection: WireKeyProtection;
  wordsConfirmed: boolean;
  hasPassphrase: boolean;
  askAtStart: boolean;
  passkeys: PasskeyMessage[];
  lockAfterSeconds: number;
  devices: { signPublicKey: Uint8Array; name: string; addedMs: number; removedMs: number; thisDevice: boolean }[];
  account: Uint8Array;
  conflicts: string[];
}

/** Passkey. */
export interface PasskeyMessage {
  credentialId: Uint8Array;
  salt: Uint8Array;
  label: string;
}

const PASSKEY: Table = { 1: ["credentialId", "bytes"], 2: ["salt", "bytes"], 3: ["label", "string"] };
const DEVICE: Table = { 1: ["signPublicKey", "bytes"], 2: ["name", "string"], 3: ["addedMs", "sint"], 4: ["removedMs", "sint"], 5: ["thisDevice", "bool"] };

/** The table of IdentityState. */
export const IDENTITY_STATE: Table = {
  1: ["did", "string"],
  2: ["formerDids", "string", true],
  3: ["locked", "bool"],
  4: ["lockedReason", "string"],
  5: ["protection", "uint"],
  6: ["wordsConfirmed", "bool"],
  7: ["hasPassphrase", "bool"],
  8: ["askAtStart", "bool"],
  9: ["passkeys", PASSKEY, true],
  10: ["lockAfterSeconds", "uint"],
  11: ["devices", DEVICE, true],
  12: ["account", "bytes"],
  13: ["conflicts", "string", true],
};

/** Reads an IdentityState. */
export const readIdentityState = (bytes: Uint8Array): IdentityStateMessage => read(IDENTITY_STATE, bytes);

/** Reads an IdentityWords. */
export const readIdentityWords = (bytes: Uint8Array): { words: string[] } => read({ 1: ["words", "string", true] }, bytes);

/** Reads a DeviceLog. */
export const readDeviceLog = (bytes: Uint8Array): { log: Uint8Array } => read({ 1: ["log", "bytes"] }, bytes);

/** Reads a DeviceConsent. */
export const readDeviceConsent = (bytes: Uint8Array): DeviceConsent => read({ 1: ["signPublicKey", "bytes"], 2: ["agreePublicKey", "bytes"], 3: ["consent", "bytes"] }, bytes);

/** Reads a BackupPart. */
export const readBackupPart = (bytes: Uint8Array): { data: Uint8Array<ArrayBuffer>; last: boolean } => read({ 1: ["data", "bytes"], 2: ["last", "bool"] }, bytes);

/** Reads a BackupOpened. */
export const readBackupOpened = (bytes: Uint8Array): { backup: number } => read({ 1: ["backup", "uint"] }, bytes);

/** BackupReport. */
export interface BackupReportMessage {
  did: string;
  createdMs: number;
  documents: number;
  credentials: number;
  bytes: number;
  restored: boolean;
}

const BACKUP_REPORT: Table = { 1: ["did", "string"], 2: ["createdMs", "sint"], 3: ["documents", "uint"], 4: ["credentials", "uint"], 5: ["bytes", "uint"], 6: ["restored", "bool"] };

/** Reads a BackupReport. */
export const readBackupReport = (bytes: Uint8Array): BackupReportMessage => read(BACKUP_REPORT, bytes);

const PROTECTIONS: Readonly<Record<WireKeyProtection, KeyProtection>> = {
  [WireKeyProtection.UNSPECIFIED]: "none",
  [WireKeyProtection.MEMORY]: "memory",
  [WireKeyProtection.FILE]: "file",
  [WireKeyProtection.PLATFORM]: "platform",
};

/** The state as applications get it. */
export function identityStateOf(message: IdentityStateMessage): IdentityState {
  const { did, formerDids, locked, lockedReason, wordsConfirmed, hasPassphrase, askAtStart, lockAfterSeconds } = message;
  return {
    did,
    formerDids,
    locked,
    ...(locked && lockedReason !== "" ? { lockedReason } : {}),
    protection: PROTECTIONS[message.protection] ?? "none",
    wordsConfirmed,
    hasPassphrase,
    askAtStart,
    passkeys: message.passkeys.map(({ credentialId, label }) => ({ id: toBase64Url(credentialId), label })),
    lockAfterSeconds,
    devices: message.devices.map(({ signPublicKey, name, addedMs, removedMs, thisDevice }) => ({
      id: toBase64Url(signPublicKey),
      name,
      addedAt: new Date(addedMs),
      ...(removedMs === 0 ? {} : { removedAt: new Date(removedMs) }),
      thisDevice,
    })),
    account: message.account,
    conflicts: message.conflicts,
  };
}

/** The report as applications get it. */
export function backupReportOf({ createdMs, ...report }: BackupReportMessage): BackupReport {
  return { ...report, createdAt: new Date(createdMs) };
}
