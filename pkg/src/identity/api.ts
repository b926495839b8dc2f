/**
 * The public types of `avatar.identity`: who owns the node, which devices speak for them, what opens the data, and how a person gets back in.
 *
 * @module
 */

/** How the keys of a device are kept, from the weakest to the strongest. `"none"`: the host keeps none, so what opens the data lies beside it until there is a passphrase that is asked for at start. */
export type KeyProtection = "none" | "memory" | "file" | "platform";

/** Everything about the identity that is no secret. */
export interface IdentityState {
  /** The owner: a `did:key`. Empty where it is not known before the first unlocking. */
  readonly did: string;
  /** DIDs that lead to this one, oldest first. */
  readonly formerDids: readonly string[];
  /** The data cannot be read until it is unlocked. */
  readonly locked: boolean;
  /** Why it is locked, in words; absent when it is not. */
  readonly lockedReason?: string;
  /** How this device's keys are kept. */
  readonly protection: KeyProtection;
  /** The recovery words have been written down, and cannot be shown again. */
  readonly wordsConfirmed: boolean;
  /** A passphrase opens the data. */
  readonly hasPassphrase: boolean;
  /** The node starts locked. */
  readonly askAtStart: boolean;
  /** Passkeys that open the data. */
  readonly passkeys: readonly Passkey[];
  /** The node locks when no request has come for so many seconds; 0 = never. */
  readonly lockAfterSeconds: number;
  /** The devices that speak, or spoke, for the identity; none while locked. */
  readonly devices: readonly Device[];
  /** Names the log of devices: the same on all devices of the identity, and after a rotation. Empty while locked. */
  readonly account: Uint8Array;
  /** What the log had to decide between two that exclude each other, in words: a person should look at it. */
  readonly conflicts: readonly string[];
}

/** A passkey (WebAuthn) that opens the data. */
export interface Passkey {
  /** Names it: the credential id in base64url. */
  readonly id: string;
  /** What the person called it. */
  readonly label: string;
}

/** A device of the identity. */
export interface Device {
  /** Names it: its Ed25519 public key in base64url. */
  readonly id: string;
  /** What the person called it. */
  readonly name: string;
  /** When it was added. */
  readonly addedAt: Date;
  /** When it was removed; absent while it speaks for the identity. */
  readonly removedAt?: Date;
  /** It is the one that this node runs on. */
  readonly thisDevice: boolean;
}

/** What unlocks a node: one of the person's secrets. */
export type UnlockSecret =
  | {
      /** The passphrase. */
      readonly passphrase: string;
    }
  | {
      /** The 24 recovery words, in any case, separated by white space; or as a list. */
      readonly words: string | readonly string[];
    }
  | {
      /** Asks the browser for one of the passkeys, which asks the person. */
      readonly passkey: true;
    };

/** The identity of an Avatar. */
export interface Identity {
  /** The owner's DID as known now; empty while it is not known. */
  readonly did: string;
  /** The state now. Answered while the node is locked, too. Changes are told by the event `identity`. */
  state(): Promise<IdentityState>;
  /** The devices that speak, or spoke, for the identity. @throws AvatarLockedError */
  devices(): Promise<readonly Device[]>;
  /** This device agrees to be entered into the log of an account ({@link IdentityState.account} there). */
  consent(account: Uint8Array): Promise<DeviceConsent>;
  /** Enters a device that agreed into the signed log of devices. */
  addDevice(device: NewDevice): Promise<IdentityState>;
  /** Gives a device another name. */
  renameDevice(id: string, name: string): Promise<IdentityState>;
  /** From now on a device does not speak for the identity any more. */
  removeDevice(id: string): Promise<IdentityState>;
  /** The signed log of devices, for whoever has to know who speaks for the DID. */
  deviceLog(): Promise<Uint8Array>;
  /** Takes in what another device's log has more. @throws AvatarError `CORRUPT` where an entry does not verify */
  mergeDeviceLog(log: Uint8Array): Promise<IdentityState>;
  /** Makes a new identity key with new recovery words; the old DID leads to the new one. @throws AvatarError */
  rotate(): Promise<IdentityState>;
  /** Forgets what opens the data until somebody unlocks it, in all tabs. @throws AvatarError `DENIED` where neither a passphrase nor a passkey is set */
  lock(): Promise<IdentityState>;
  /** Unlocks, for all tabs. @throws AvatarError `WRONG_SECRET`; `CANCELLED` where the person turned the passkey's question down */
  unlock(secret: UnlockSecret): Promise<IdentityState>;
  /** What opens the data, and ways back after the loss of the device. */
  readonly recovery: Recovery;
}

/** A device's agreement to speak for an account, as {@link Identity.consent} gives it there. */
export interface DeviceConsent {
  /** The device's Ed25519 public key: 32 bytes. */
  readonly signPublicKey: Uint8Array;
  /** Its X25519 public key: 32 bytes. */
  readonly agreePublicKey: Uint8Array;
  /** Its signature: 64 bytes. */
  readonly consent: Uint8Array;
}

/** A device to be entered. */
export interface NewDevice extends DeviceConsent {
  /** What the person calls it. */
  readonly name: string;
}

/** One of the recovery words, and its place. */
export interface WordAt {
  /** 0 to 23. */
  readonly index: number;
  /** The word. */
  readonly word: string;
}

/** What opens a backup. */
export type BackupSecret =
  | {
      /** The passphrase that it was made with. */
      readonly passphrase: string;
    }
  | {
      /** The recovery words, for a backup that was made without a passphrase. */
      readonly words: string | readonly string[];
    };

/** What a backup holds. */
export interface BackupReport {
  /** Whose it is. */
  readonly did: string;
  /** When it was made. */
  readonly createdAt: Date;
  /** Documents in it. */
  readonly documents: number;
  /** Credentials in it. */
  readonly credentials: number;
  /** What it holds, in bytes. */
  readonly bytes: number;
  /** It is in this node now; `false` when it was only checked. */
  readonly restored: boolean;
}

/** Ways back in. */
export interface Recovery {
  /** The 24 recovery words, as long as they are not confirmed. @throws AvatarNotFoundError afterwards */
  words(): Promise<string[]>;
  /** Says that the words are written down, by at least three of them. They cannot be shown again. @throws AvatarError `WRONG_SECRET` */
  confirm(words: readonly WordAt[]): Promise<IdentityState>;
  /** Sets or replaces the passphrase, of at least 8 characters. `askAtStart`: the node starts locked. Resolves when it is on the medium. */
  setPassphrase(passphrase: string, options?: { askAtStart?: boolean }): Promise<IdentityState>;
  /** Takes the passphrase away; the node opens by itself again. */
  removePassphrase(): Promise<IdentityState>;
  /** Makes a passkey on this device or a security key, which from now on opens the data, too. @throws AvatarError `UNSUPPORTED` where the browser or the passkey cannot (WebAuthn with PRF), `CANCELLED` */
  addPasskey(options?: { label?: string }): Promise<IdentityState>;
  /** The passkey does not open the data any more. */
  removePasskey(id: string): Promise<IdentityState>;
  /** Locks when no request has come for so many seconds; 0 = never. */
  lockAfter(seconds: number): Promise<IdentityState>;
  /** Makes the identity of these words this node's. @throws AvatarError `ALREADY_EXISTS` on a device that holds documents or a confirmed identity, `WRONG_SECRET` where they are no words of an identity */
  recover(words: string | readonly string[]): Promise<IdentityState>;
  /** Everything of this node in one file (the age format), which only the passphrase opens, or else the recovery words. */
  backup(options?: { passphrase?: string }): Promise<Blob>;
  /** Brings a backup back: it is read to its end and verified before anything is written. `checkOnly` verifies only. @throws AvatarError `WRONG_SECRET`, `CORRUPT`, `ALREADY_EXISTS` */
  restore(file: Blob | Uint8Array, options: BackupSecret & { checkOnly?: boolean }): Promise<BackupReport>;
}
