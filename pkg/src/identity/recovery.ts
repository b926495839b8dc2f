/**
 * What opens the data, and ways back after the loss of the device.
 *
 * @module
 */
import { fromBase64Url } from "../base64url.js";
import { askFor, type AskOptions } from "../channel/ask.js";
import type { Channel } from "../channel/channel.js";
import { AvatarArgumentError, AvatarError } from "../errors.js";
import type { BackupReport, BackupSecret, IdentityState, Recovery, WordAt } from "./api.js";
import { backupReportOf, IdentityAnswer, readBackupOpened, readBackupPart, readBackupReport, readIdentityWords } from "./messages.js";
import type { PasskeyMaker } from "./passkeys.js";
import {
  encodeBackupCreate,
  encodeBackupFeed,
  encodeBackupFinish,
  encodeBackupOpen,
  encodeLockAfter,
  encodePasskeyAdd,
  encodePasskeyRemove,
  encodePassphraseRemove,
  encodePassphraseSet,
  encodeRecover,
  encodeWordsConfirm,
  encodeWordsGet,
} from "./requests.js";
import { joined, passphraseText, text } from "./texts.js";

/** The parts in which a backup is fed: the contract's limit. */
const FEED_BYTES = 1 << 20;
const MAX_LOCK_AFTER_SECONDS = 0xffffffff;

/** See {@link Recovery}. */
export class RecoveryOf implements Recovery {
  readonly #channel: Channel;
  readonly #passkeys: PasskeyMaker;
  readonly #ask: (request: Uint8Array, options?: AskOptions) => Promise<IdentityState>;

  /** `ask` makes a request whose answer is the identity's state. */
  constructor(channel: Channel, passkeys: PasskeyMaker, ask: (request: Uint8Array, options?: AskOptions) => Promise<IdentityState>) {
    this.#channel = channel;
    this.#passkeys = passkeys;
    this.#ask = ask;
  }

  async words(): Promise<string[]> {
    return (await askFor(this.#channel, encodeWordsGet(), IdentityAnswer.identityWords, readIdentityWords)).words;
  }

  async confirm(words: readonly WordAt[]): Promise<IdentityState> {
    return this.#ask(encodeWordsConfirm(words.map(({ index, word }) => ({ index, word: text(word, "A recovery word") }))), { secret: true });
  }

  async setPassphrase(passphrase: string, { askAtStart = false }: { askAtStart?: boolean } = {}): Promise<IdentityState> {
    return this.#ask(encodePassphraseSet(passphraseText(passphrase), askAtStart), { secret: true });
  }

  removePassphrase(): Promise<IdentityState> {
    return this.#ask(encodePassphraseRemove());
  }

  async addPasskey({ label = "Passkey" }: { label?: string } = {}): Promise<IdentityState> {
    const { secret, salt } = await this.#passkeys.make(text(label, "A passkey's label"));
    const request = encodePasskeyAdd(secret, salt, label.toWellFormed());
    secret.prfOutput.fill(0);
    return this.#ask(request, { secret: true });
  }

  async removePasskey(id: string): Promise<IdentityState> {
    return this.#ask(encodePasskeyRemove(fromBase64Url(id)));
  }

  async lockAfter(seconds: number): Promise<IdentityState> {
    if (!Number.isInteger(seconds) || seconds < 0 || seconds > MAX_LOCK_AFTER_SECONDS) throw new AvatarArgumentError("The time until the lock is a whole number of seconds; 0 = never.");
    return this.#ask(encodeLockAfter(seconds));
  }

  async recover(words: string | readonly string[]): Promise<IdentityState> {
    return this.#ask(encodeRecover(joined(words)), { secret: true });
  }

  async backup({ passphrase }: { passphrase?: string } = {}): Promise<Blob> {
    const request = encodeBackupCreate(passphrase === undefined ? "" : passphraseText(passphrase));
    try {
      return await this.#backupParts(request);
    } finally {
      request.fill(0);
    }
  }

  #backupParts(request: Uint8Array): Promise<Blob> {
    return new Promise((resolve, reject) => {
      let parts: Uint8Array<ArrayBuffer>[] = [];
      this.#channel.call(request, {
        answer: (field, payload, end) => {
          const { data, last } = field === IdentityAnswer.backupPart ? readBackupPart(payload) : { data: new Uint8Array(), last: false };
          parts.push(data);
          if (last) resolve(new Blob(parts, { type: "application/octet-stream" }));
          else if (end) reject(new AvatarError("INTERNAL", "The backup ended without its last part."));
        },
        fail: reject,
        // It is made anew, from its first part.
        lost: () => void (parts = []),
      });
    });
  }

  async restore(file: Blob | Uint8Array, options: BackupSecret & { checkOnly?: boolean }): Promise<BackupReport> {
    const blob = file instanceof Blob ? file : new Blob([new Uint8Array(file)]);
    const once = { once: true };
    const secret = "passphrase" in options ? { passphrase: passphraseText(options.passphrase) } : { words: joined(options.words) };
    const { backup } = await askFor(this.#channel, encodeBackupOpen(secret), IdentityAnswer.backupOpened, readBackupOpened, { ...once, secret: true });
    for (let at = 0; at < blob.size; at += FEED_BYTES) {
      const part = new Uint8Array(await blob.slice(at, at + FEED_BYTES).arrayBuffer());
      await this.#channel.ask(encodeBackupFeed(backup, part), { retries: false });
    }
    return backupReportOf(await askFor(this.#channel, encodeBackupFinish(backup, options.checkOnly ?? false), IdentityAnswer.backupReport, readBackupReport, once));
  }
}
