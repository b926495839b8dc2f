/**
 * The documents of an Avatar.
 *
 * @module
 */
import type { Doc, DocContent, Docs, DocumentId, DocValue, Query, QuerySpec } from "../api.js";
import type { Channel } from "../channel/channel.js";
import { AvatarArgumentError, type AvatarError } from "../errors.js";
import { idFromString, idToString, randomId } from "../ids.js";
import { PresenceBoard } from "../peers/presence.js";
import { LiveQuery } from "../query/query.js";
import { Slice } from "../yielding.js";
import { encodeCreate } from "./codec.js";
import { DocCore, type CoreStart } from "./core.js";
import { DocHandle } from "./doc.js";
import { mapNodeOf, wellFormed, type MapNode } from "./nodes.js";
import { encodeDelete } from "./requests.js";

const MAX_TYPE_BYTES = 128;

/** See {@link Docs}. */
export class DocsOf implements Docs {
  readonly #channel: Channel;
  readonly #presence: PresenceBoard;
  /** Names this client in each document: with the number of a change it makes "exactly once". */
  readonly #session = randomId();
  readonly #cores = new Map<DocumentId, DocCore>();
  /** Creations and deletions under way. */
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(channel: Channel, presence = new PresenceBoard(channel)) {
    this.#channel = channel;
    this.#presence = presence;
  }

  async create<T extends DocContent = Record<string, DocValue>>(type: string, content: T): Promise<Doc<T>> {
    const bytes = randomId();
    return this.#track(this.#handle<T>(this.#core(idToString(bytes), bytes, { how: "create", type: checkedType(type), content: contentNode(content) })));
  }

  async createMany<T extends DocContent = Record<string, DocValue>>(type: string, contents: readonly T[]): Promise<DocumentId[]> {
    const checked = checkedType(type);
    // All are looked at before the first is made: a mistake in one makes none.
    const slice = new Slice();
    const nodes: MapNode[] = [];
    for (const content of contents) {
      nodes.push(contentNode(content));
      if (slice.over) await slice.rest();
    }
    const ids: DocumentId[] = [];
    const made: Promise<unknown>[] = [];
    for (const content of nodes) {
      const documentId = randomId();
      ids.push(idToString(documentId));
      made.push(this.#track(this.#channel.ask(encodeCreate({ documentId, session: this.#session, type: checked, content, detached: true }))));
      if (slice.over) await slice.rest();
    }
    await Promise.all(made);
    return ids;
  }

  async open<T extends DocContent = Record<string, DocValue>>(id: DocumentId): Promise<Doc<T>> {
    const bytes = idFromString(id);
    // Ids that are written differently (upper case) are one document.
    const canonical = idToString(bytes);
    return this.#handle<T>(this.#cores.get(canonical) ?? this.#core(canonical, bytes, { how: "open" }));
  }

  async delete(id: DocumentId): Promise<void> {
    await this.#track(this.#channel.ask(encodeDelete(idFromString(id))));
  }

  query<T extends DocContent = Record<string, DocValue>>(query: QuerySpec<T> = {}): Query<T> {
    return new LiveQuery<T>(this.#channel, query);
  }

  /** Documents that are open in this client. @internal */
  get openCount(): number {
    return this.#cores.size;
  }

  /** Writes of this client that are not durable yet. */
  get pendingWrites(): number {
    let count = 0;
    for (const core of this.#cores.values()) count += core.pendingWrites;
    return count;
  }

  /** Resolves when everything accepted is durable. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    await Promise.all([...this.#cores.values()].map((core) => core.settled()));
  }

  #track<T>(work: Promise<T>): Promise<T> {
    const tracked: Promise<T> = work.finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
    return tracked;
  }

  #core(id: DocumentId, idBytes: Uint8Array, start: CoreStart): DocCore {
    const core: DocCore = new DocCore({ channel: this.#channel, session: this.#session, gone: (gone) => this.#forget(gone) }, id, idBytes, start);
    this.#cores.set(id, core);
    return core;
  }

  #forget(core: DocCore): void {
    if (this.#cores.get(core.id) === core) this.#cores.delete(core.id);
  }

  async #handle<T extends DocContent>(core: DocCore): Promise<Doc<T>> {
    const handle = new DocHandle<T>(core, this.#presence.at(core.id, core.idBytes));
    try {
      await core.opened;
    } catch (error) {
      await handle.close();
      throw error as AvatarError;
    }
    return handle;
  }
}

function contentNode(content: unknown): MapNode {
  if (typeof content !== "object" || content === null || Array.isArray(content)) throw new AvatarArgumentError("A document's content is an object.");
  return mapNodeOf(content as { [key: string]: unknown });
}

function checkedType(type: unknown): string {
  if (typeof type !== "string" || type === "" || new TextEncoder().encode(type).length > MAX_TYPE_BYTES) {
    throw new AvatarArgumentError(`A document's type is a string of 1 to ${MAX_TYPE_BYTES} bytes.`);
  }
  return wellFormed(type);
}
