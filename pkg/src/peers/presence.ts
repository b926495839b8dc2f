/**
 * Who is at which document: what other devices say of themselves, and what this one says.
 *
 * @module
 */
import { toBase64Url } from "../base64url.js";
import type { Unsubscribe } from "../api.js";
import type { Channel } from "../channel/channel.js";
import type { Event } from "../channel/messages.js";
import { tell } from "../emitter.js";
import { AvatarArgumentError, AvatarClosedError, AvatarError } from "../errors.js";
import { idToString } from "../ids.js";
import type { Presence, PresentDevice } from "./api.js";
import { encodePresenceSet } from "./requests.js";

/** The contract's limit for what a device says. */
const MAX_BYTES = 4096;

/** Presence at all documents, for this client. */
export class PresenceBoard {
  readonly #channel: Channel;
  /** By document, by device. */
  readonly #others = new Map<string, Map<string, unknown>>();
  readonly #here = new Set<PresenceAt>();

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** Presence at a document, for one handle of it. */
  at(id: string, idBytes: Uint8Array): PresenceAt {
    const presence = new PresenceAt(this, id, idBytes);
    this.#here.add(presence);
    return presence;
  }

  /** The node tells of another device. */
  observe({ documentId, device, data }: NonNullable<Event["presenceChanged"]>): void {
    const id = idToString(documentId);
    const name = toBase64Url(device);
    const others = this.#others.get(id) ?? new Map<string, unknown>();
    const isNew = !others.has(name);
    const said = data.length > MAX_BYTES ? undefined : parsed(data);
    if (said === undefined) others.delete(name);
    else others.set(name, said);
    if (others.size === 0) this.#others.delete(id);
    else this.#others.set(id, others);
    for (const presence of this.#here) {
      if (presence.id !== id) continue;
      // Who comes later has not heard what was said before.
      if (isNew && said !== undefined) presence.sayAgain();
      presence.changed();
    }
  }

  /** An instance of the Meta Unit has begun, or was unlocked: who is there will say so again. */
  begin(): void {
    this.#others.clear();
    for (const presence of this.#here) {
      presence.sayAgain();
      presence.changed();
    }
  }

  /** The others at a document. */
  othersAt(id: string): PresentDevice[] {
    return [...(this.#others.get(id) ?? [])].map(([device, data]) => ({ device, data }));
  }

  /** Tells the node. */
  say(idBytes: Uint8Array, data: Uint8Array): void {
    this.#channel.ask(encodePresenceSet(idBytes, data)).catch((error: unknown) => {
      // Closed, locked, or without a network: nobody is there to hear it.
      if (!(error instanceof AvatarError)) throw error;
    });
  }

  forget(presence: PresenceAt): void {
    this.#here.delete(presence);
  }
}

/** See {@link Presence}. */
export class PresenceAt implements Presence {
  readonly id: string;
  readonly #idBytes: Uint8Array;
  readonly #board: PresenceBoard;
  readonly #listeners = new Set<(others: readonly PresentDevice[]) => void>();
  #said = new Uint8Array();
  #closed = false;

  constructor(board: PresenceBoard, id: string, idBytes: Uint8Array) {
    this.#board = board;
    this.id = id;
    this.#idBytes = idBytes;
  }

  get others(): readonly PresentDevice[] {
    return this.#closed ? [] : this.#board.othersAt(this.id);
  }

  set(data: unknown): void {
    if (this.#closed) throw new AvatarClosedError("CLOSED", "This document was closed; open it again.");
    this.#say(encoded(data));
  }

  subscribe(listener: (others: readonly PresentDevice[]) => void): Unsubscribe {
    const own = (others: readonly PresentDevice[]): void => listener(others);
    this.#listeners.add(own);
    tell(own, this.others);
    return () => void this.#listeners.delete(own);
  }

  /** Says once more what was said last, if anything. */
  sayAgain(): void {
    if (this.#said.length > 0) this.#board.say(this.#idBytes, this.#said);
  }

  /** The others are others than before. */
  changed(): void {
    const { others } = this;
    for (const listener of [...this.#listeners]) tell(listener, others);
  }

  /** The handle is closed. */
  close(): void {
    if (this.#closed) return;
    this.#say(new Uint8Array());
    this.#closed = true;
    this.#listeners.clear();
    this.#board.forget(this);
  }

  #say(data: Uint8Array<ArrayBuffer>): void {
    // Nothing was said and nothing is.
    if (data.length === 0 && this.#said.length === 0) return;
    this.#said = data;
    this.#board.say(this.#idBytes, data);
  }
}

/** @throws AvatarArgumentError where it is no JSON, or too much of it. */
function encoded(data: unknown): Uint8Array<ArrayBuffer> {
  if (data === undefined) return new Uint8Array();
  let json: string | undefined;
  try {
    json = JSON.stringify(data);
  } catch {
    // A cycle, or a BigInt.
  }
  const bytes = json === undefined ? undefined : new TextEncoder().encode(json);
  if (bytes === undefined || bytes.length > MAX_BYTES) throw new AvatarArgumentError(`Presence is JSON of at most ${MAX_BYTES} bytes.`);
  return bytes;
}

/** What another device says; undefined where it says nothing, or nothing that can be read. */
function parsed(data: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(data)) as unknown;
  } catch {
    return undefined;
  }
}
