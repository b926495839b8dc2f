/**
 * The identity of an Avatar, as asked of the Meta Unit.
 *
 * @module
 */
import { fromBase64Url } from "../base64url.js";
import { askFor, type AskOptions } from "../channel/ask.js";
import type { Channel } from "../channel/channel.js";
import { AvatarArgumentError } from "../errors.js";
import type { Device, DeviceConsent, Identity, IdentityState, NewDevice, UnlockSecret } from "./api.js";
import { IdentityAnswer, identityStateOf, readDeviceConsent, readDeviceLog, readIdentityState, type IdentityStateMessage, type PasskeyMessage } from "./messages.js";
import type { PasskeyMaker } from "./passkeys.js";
import { RecoveryOf } from "./recovery.js";
import {
  encodeDeviceAdd,
  encodeDeviceConsentGet,
  encodeDeviceLogGet,
  encodeDeviceLogMerge,
  encodeDeviceRemove,
  encodeDeviceRename,
  encodeIdentityGet,
  encodeLock,
  encodeRotate,
  encodeUnlock,
  type WireSecret,
} from "./requests.js";
import { joined, passphraseText, text } from "./texts.js";

/** See {@link Identity}. */
export class IdentityOf implements Identity {
  readonly recovery: RecoveryOf;
  readonly #channel: Channel;
  readonly #passkeys: PasskeyMaker;
  readonly #changed: (state: IdentityState, before: IdentityState | undefined) => void;
  #state: IdentityState | undefined;
  #did = "";

  /** `changed` is told each state that is another than the one before, and that one. */
  constructor(channel: Channel, passkeys: PasskeyMaker, changed: (state: IdentityState, before: IdentityState | undefined) => void) {
    this.#channel = channel;
    this.#passkeys = passkeys;
    this.#changed = changed;
    this.recovery = new RecoveryOf(channel, passkeys, (request, options) => this.ask(request, options));
  }

  get did(): string {
    return this.#did;
  }

  /** Whether the node is locked, as far as this client has heard. */
  get locked(): boolean {
    return this.#state?.locked === true;
  }

  /** What the host knows at the start. */
  greet(did: string): void {
    this.#did = did;
  }

  /** The node says how the identity is now. */
  observe(message: IdentityStateMessage): IdentityState {
    const state = identityStateOf(message);
    const before = this.#state;
    this.#state = state;
    this.#did = state.did;
    if (!state.locked) this.#channel.unlocked();
    if (JSON.stringify(before) !== JSON.stringify(state)) this.#changed(state, before);
    return state;
  }

  /** Makes a request whose answer is the identity's state. */
  async ask(request: Uint8Array, options?: AskOptions): Promise<IdentityState> {
    return this.observe(await askFor(this.#channel, request, IdentityAnswer.identity, readIdentityState, options));
  }

  state(): Promise<IdentityState> {
    return this.ask(encodeIdentityGet());
  }

  async devices(): Promise<readonly Device[]> {
    return (await this.state()).devices;
  }

  async consent(account: Uint8Array): Promise<DeviceConsent> {
    return askFor(this.#channel, encodeDeviceConsentGet(account), IdentityAnswer.deviceConsent, readDeviceConsent);
  }

  async addDevice({ signPublicKey, agreePublicKey, consent, name }: NewDevice): Promise<IdentityState> {
    return this.ask(encodeDeviceAdd(signPublicKey, agreePublicKey, text(name, "A device's name"), consent));
  }

  async renameDevice(id: string, name: string): Promise<IdentityState> {
    return this.ask(encodeDeviceRename(fromBase64Url(id), text(name, "A device's name")));
  }

  async removeDevice(id: string): Promise<IdentityState> {
    return this.ask(encodeDeviceRemove(fromBase64Url(id)));
  }

  async deviceLog(): Promise<Uint8Array> {
    return (await askFor(this.#channel, encodeDeviceLogGet(), IdentityAnswer.deviceLog, readDeviceLog)).log;
  }

  async mergeDeviceLog(log: Uint8Array): Promise<IdentityState> {
    return this.ask(encodeDeviceLogMerge(log));
  }

  rotate(): Promise<IdentityState> {
    return this.ask(encodeRotate(), { once: true });
  }

  lock(): Promise<IdentityState> {
    return this.ask(encodeLock());
  }

  async unlock(secret: UnlockSecret): Promise<IdentityState> {
    const wire = await this.#wireSecret(secret);
    const request = encodeUnlock(wire);
    if ("passkey" in wire) wire.passkey.prfOutput.fill(0);
    return this.ask(request, { secret: true });
  }

  async #wireSecret(secret: UnlockSecret): Promise<WireSecret> {
    if (typeof secret === "object" && secret !== null) {
      if ("passphrase" in secret) return { passphrase: passphraseText(secret.passphrase) };
      if ("words" in secret) return { words: joined(secret.words) };
      if ("passkey" in secret) return { passkey: await this.#passkeys.ask(await passkeysOf(this.#channel)) };
    }
    throw new AvatarArgumentError("Unlock with { passphrase }, { words } or { passkey: true }.");
  }
}

/** The passkeys that open the data. They are told while the node is locked, too. @throws AvatarError NOT_FOUND when there is none. */
async function passkeysOf(channel: Channel): Promise<PasskeyMessage[]> {
  const { passkeys } = await askFor(channel, encodeIdentityGet(), IdentityAnswer.identity, readIdentityState);
  if (passkeys.length === 0) throw new AvatarArgumentError("No passkey opens this node.");
  return passkeys;
}
