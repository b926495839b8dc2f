/**
 * The requests of `identity.proto`. The tests compare each with the generated code.
 *
 * @module
 */
import { encodeRequest, type Fields } from "../channel/tables.js";

/** What WebAuthn's PRF extension gave for a passkey. */
export interface PasskeySecret {
  credentialId: Uint8Array;
  /** 32 bytes. Whoever has used them overwrites them. */
  prfOutput: Uint8Array;
}

const passkeyFields = ({ credentialId, prfOutput }: PasskeySecret): Fields => ({ 1: credentialId, 2: prfOutput });

/** A secret as the contract takes it: exactly one. */
export type WireSecret = { passphrase: string } | { words: string } | { passkey: PasskeySecret };

const secretFields = (secret: WireSecret): Fields =>
  "passphrase" in secret ? { 1: secret.passphrase } : "words" in secret ? { 2: secret.words } : { 3: passkeyFields(secret.passkey) };

/** IdentityGet. */
export const encodeIdentityGet = (): Uint8Array => encodeRequest(30);

/** IdentityLock. */
export const encodeLock = (): Uint8Array => encodeRequest(31);

/** IdentityUnlock. */
export const encodeUnlock = (secret: WireSecret): Uint8Array => encodeRequest(32, { 1: secretFields(secret) });

/** IdentityWordsGet. */
export const encodeWordsGet = (): Uint8Array => encodeRequest(33);

/** IdentityWordsConfirm. */
export const encodeWordsConfirm = (words: readonly { index: number; word: string }[]): Uint8Array => encodeRequest(34, { 1: words.map(({ index, word }) => ({ 1: index, 2: word })) });

/** IdentityPassphraseSet. */
export const encodePassphraseSet = (passphrase: string, askAtStart: boolean): Uint8Array => encodeRequest(35, { 1: passphrase, 2: askAtStart });

/** IdentityPassphraseRemove. */
export const encodePassphraseRemove = (): Uint8Array => encodeRequest(36);

/** IdentityPasskeyAdd. */
export const encodePasskeyAdd = (secret: PasskeySecret, salt: Uint8Array, label: string): Uint8Array => encodeRequest(37, { 1: passkeyFields(secret), 2: salt, 3: label });

/** IdentityPasskeyRemove. */
export const encodePasskeyRemove = (credentialId: Uint8Array): Uint8Array => encodeRequest(38, { 1: credentialId });

/** IdentityLockAfter. */
export const encodeLockAfter = (seconds: number): Uint8Array => encodeRequest(39, { 1: seconds });

/** IdentityRecover. */
export const encodeRecover = (words: string): Uint8Array => encodeRequest(40, { 1: words });

/** IdentityRotate. */
export const encodeRotate = (): Uint8Array => encodeRequest(41);

/** DeviceAdd. */
export const encodeDeviceAdd = (signPublicKey: Uint8Array, agreePublicKey: Uint8Array, name: string, consent: Uint8Array): Uint8Array =>
  encodeRequest(42, { 1: signPublicKey, 2: agreePublicKey, 3: name, 4: consent });

/** DeviceConsentGet. */
export const encodeDeviceConsentGet = (account: Uint8Array): Uint8Array => encodeRequest(47, { 1: account });

/** DeviceRemove. */
export const encodeDeviceRemove = (signPublicKey: Uint8Array): Uint8Array => encodeRequest(43, { 1: signPublicKey });

/** DeviceRename. */
export const encodeDeviceRename = (signPublicKey: Uint8Array, name: string): Uint8Array => encodeRequest(44, { 1: signPublicKey, 2: name });

/** DeviceLogGet. */
export const encodeDeviceLogGet = (): Uint8Array => encodeRequest(45);

/** DeviceLogMerge. */
export const encodeDeviceLogMerge = (log: Uint8Array): Uint8Array => encodeRequest(46, { 1: log });

/** BackupCreate; without a passphrase for the recovery words. */
export const encodeBackupCreate = (passphrase: string): Uint8Array => encodeRequest(50, { 1: passphrase });

/** BackupOpen. */
export const encodeBackupOpen = (secret: { passphrase: string } | { words: string }): Uint8Array => encodeRequest(51, secretFields(secret));

/** BackupFeed. */
export const encodeBackupFeed = (backup: number, data: Uint8Array): Uint8Array => encodeRequest(52, { 1: backup, 2: data });

/** BackupFinish. */
export const encodeBackupFinish = (backup: number, checkOnly: boolean): Uint8Array => encodeRequest(53, { 1: backup, 2: checkOnly });
