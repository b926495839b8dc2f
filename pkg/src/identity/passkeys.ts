/**
 * Where passkeys are made and asked: in the window, by WebAuthn with its PRF extension.
 *
 * @module
 */
import type { PasskeySecret } from "./requests.js";

/** A passkey that was made for the node. */
export interface NewPasskey {
  readonly secret: PasskeySecret;
  /** What the PRF was evaluated on. */
  readonly salt: Uint8Array;
}

/** One for browsers, and one for hosts without a window. */
export interface PasskeyMaker {
  /** Makes a passkey. @throws AvatarError UNSUPPORTED, CANCELLED */
  make(label: string): Promise<NewPasskey>;
  /** Asks for one of these. @throws AvatarError UNSUPPORTED, CANCELLED */
  ask(passkeys: readonly { credentialId: Uint8Array; salt: Uint8Array }[]): Promise<PasskeySecret>;
}
