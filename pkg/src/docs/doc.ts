/**
 * The handle of a document that an application holds.
 *
 * @module
 */
import type { Doc, DocChangeEvent, DocContent, DocPath, DocValue, Draft, HistoryEntry, Snapshot, Unsubscribe } from "../api.js";
import { asyncDispose } from "../dispose.js";
import { AvatarArgumentError, AvatarClosedError } from "../errors.js";
import type { Presence } from "../peers/api.js";
import type { PresenceAt } from "../peers/presence.js";
import type { CoreEvent, DocCore } from "./core.js";

/** What is let go of with a handle. */
interface Hold {
  readonly core: DocCore;
  readonly presence: PresenceAt;
  closed: boolean;
}

/** Handles that are forgotten without `close()` give their view back all the same. */
const forgotten = new FinalizationRegistry<Hold>((hold) => {
  if (hold.closed) return;
  hold.closed = true;
  hold.presence.close();
  void hold.core.release();
});

/** See {@link Doc}. */
export class DocHandle<T extends DocContent = Record<string, DocValue>> implements Doc<T> {
  readonly #core: DocCore;
  /** Shared with the registry, which must not hold the handle itself. */
  readonly #hold: Hold;
  readonly #subscriptions = new Set<Unsubscribe>();

  constructor(core: DocCore, presence: PresenceAt) {
    this.#core = core;
    this.#hold = { core, presence, closed: false };
    core.retain();
    forgotten.register(this, this.#hold, this.#hold);
  }

  get id(): string {
    return this.#core.id;
  }

  get type(): string {
    return this.#core.type;
  }

  get owner(): string {
    return this.#core.owner;
  }

  get createdAt(): Date {
    return new Date(this.#core.createdMs);
  }

  get updatedAt(): Date {
    return new Date(this.#core.updatedMs);
  }

  get value(): Snapshot<T> {
    return this.#core.root.snapshot() as Snapshot<T>;
  }

  get saved(): boolean {
    return this.#core.saved;
  }

  get deleted(): boolean {
    return this.#core.deleted;
  }

  get canUndo(): boolean {
    return this.#core.canUndo;
  }

  get canRedo(): boolean {
    return this.#core.canRedo;
  }

  get presence(): Presence {
    return this.#hold.presence;
  }

  change(recipe: (draft: Draft<T>) => void, options: { message?: string } = {}): Promise<void> {
    if (this.#hold.closed) return Promise.reject(closedError());
    if (typeof recipe !== "function") return Promise.reject(new AvatarArgumentError("change() needs a function."));
    return this.#core.change(this, recipe as (draft: never) => unknown, options.message ?? "");
  }

  splice(path: DocPath, index: number, deleteCount: number, insert = ""): Promise<void> {
    if (this.#hold.closed) return Promise.reject(closedError());
    return this.#core.splice(this, path, index, deleteCount, insert);
  }

  subscribe(listener: (event: DocChangeEvent<T>) => void): Unsubscribe {
    if (this.#hold.closed) throw closedError();
    const off = this.#core.listen((event) => listener(this.#eventOf(event)));
    const unsubscribe = (): void => {
      off();
      this.#subscriptions.delete(unsubscribe);
    };
    this.#subscriptions.add(unsubscribe);
    return unsubscribe;
  }

  #eventOf({ source, origin, patches }: CoreEvent): DocChangeEvent<T> {
    // Another handle of the same document in this tab is somebody else, too.
    return { source: source === "local" && origin !== this ? "remote" : source, patches, doc: this };
  }

  async history(options: { limit?: number; offset?: number } = {}): Promise<HistoryEntry[]> {
    if (this.#hold.closed) throw closedError();
    return this.#core.history(options.limit ?? 0, options.offset ?? 0);
  }

  async at(heads: readonly string[]): Promise<Snapshot<T>> {
    if (this.#hold.closed) throw closedError();
    return (await this.#core.at(heads)).snapshot() as Snapshot<T>;
  }

  async undo(): Promise<boolean> {
    if (this.#hold.closed) throw closedError();
    return this.#core.travel("undo");
  }

  async redo(): Promise<boolean> {
    if (this.#hold.closed) throw closedError();
    return this.#core.travel("redo");
  }

  async close(): Promise<void> {
    for (const off of [...this.#subscriptions]) off();
    if (this.#hold.closed) return;
    this.#hold.closed = true;
    this.#hold.presence.close();
    forgotten.unregister(this.#hold);
    await this.#core.release();
  }

  async [asyncDispose](): Promise<void> {
    await this.close();
  }
}

function closedError(): AvatarClosedError {
  return new AvatarClosedError("CLOSED", "This document was closed; open it again.");
}
