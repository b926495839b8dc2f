/**
 * One document that is open in this client, however many handles the application holds: its view in the Meta Unit, its replica, its changes on their way.
 *
 * @module
 */
import type { DocPatch, HistoryEntry } from "../api.js";
import type { Call, Channel } from "../channel/channel.js";
import { readDocChanged, readDocHistoryResult, readDocOpened } from "../channel/messages.js";
import { tell } from "../emitter.js";
import { AvatarArgumentError, AvatarClosedError, AvatarError, AvatarNotFoundError } from "../errors.js";
import { Slice } from "../yielding.js";
import { encodeChange, encodeCreate, readDocEvent, type DocEventMessage } from "./codec.js";
import { diff } from "./diff.js";
import { record } from "./draft.js";
import { EditError, nodeAt, patchOf, samePath, type Edit, type Path } from "./edits.js";
import type { MapNode } from "./nodes.js";
import { wellFormed } from "./nodes.js";
import { outgoing, type Outgoing } from "./outbox.js";
import { SnapshotBuilder } from "./pages.js";
import { Replica, seqCount, type ChangeBody, type Effect } from "./replica.js";
import { Answer, encodeAt, encodeHistory, encodeOpen } from "./requests.js";
import { Text } from "./text.js";
import { MAX_RUN_SPLICES, TextRun } from "./text_run.js";

/** What a listener of a core is told; handles make their own events of it. */
export interface CoreEvent {
  source: "local" | "remote" | "deleted" | "saved";
  /** Who made a local change. */
  origin: object | undefined;
  patches: readonly DocPatch[];
}

/** How a core begins. */
export type CoreStart = { how: "open" } | { how: "create"; type: string; content: MapNode };

/** What a core needs of its surroundings. */
export interface CoreContext {
  readonly channel: Channel;
  readonly session: Uint8Array;
  /** The core is of no use any more: forget it. */
  gone(core: DocCore): void;
}

/** See the module. */
export class DocCore {
  readonly id: string;
  readonly idBytes: Uint8Array;
  type = "";
  owner = "";
  createdMs = 0;
  updatedMs = 0;
  canUndo = false;
  canRedo = false;
  deleted = false;
  /** Resolves when the document is open for the first time. */
  readonly opened: Promise<void>;

  readonly #context: CoreContext;
  #settleOpened!: { resolve: () => void; reject: (error: Error) => void };
  #start: CoreStart;
  #replica: Replica | undefined;
  #viewCall: Call | undefined;
  /** The view's number while changes may be sent to it. */
  #view: number | undefined;
  #version = 0;
  #nextSeq = 1;
  #outbox: Outgoing[] = [];
  /** How many of the outbox, from its beginning, are sent. */
  #sent = 0;
  /** The run at the end of the outbox that still grows, and the length of its text. */
  #openRun: { change: Outgoing; run: TextRun; version: number; textLength: number } | undefined;
  #flushPlanned = false;
  /** A change is applied in the Meta Unit's memory, and storing it failed. */
  #unstored = false;
  #handles = 0;
  #ended: AvatarError | undefined;
  #listeners = new Set<(event: CoreEvent) => void>();
  /** The last version that could be read, for the time in which the document is fetched again. */
  #lastRoot: MapNode | undefined;

  constructor(context: CoreContext, id: string, idBytes: Uint8Array, start: CoreStart) {
    this.#context = context;
    this.id = id;
    this.idBytes = idBytes;
    this.#start = start;
    this.opened = new Promise((resolve, reject) => (this.#settleOpened = { resolve, reject }));
    // Whoever waits for it handles the failure; that nobody waits is no failure.
    this.opened.catch(() => undefined);
    this.#beginView();
  }

  /* The view ---------------------------------------------------------------------------------------------------------------------------------------------------- */

  #beginView(): void {
    const view = new ViewStream((error) => this.#viewFailed(error));
    let stream = view;
    const request = (): Uint8Array => {
      if (this.#start.how === "open") return encodeOpen(this.idBytes, this.#context.session);
      const { type, content } = this.#start;
      return encodeCreate({ documentId: this.idBytes, session: this.#context.session, type, content, detached: false });
    };
    view.onOpened = (payload) => this.#onOpened(stream, payload);
    view.onPages = (builder) => this.#onSnapshot(stream, builder);
    view.onEvent = (payload) => this.#onEvent(readDocEvent(payload));
    this.#viewCall = this.#context.channel.call(request(), {
      answer: (field, payload) => stream.take(field, payload),
      fail: (error) => this.#viewFailed(error),
      lost: () => {
        stream.stop();
        this.#viewLost();
      },
      // A document that is open comes back when the node is unlocked; one that is being opened is refused.
      waits: () => this.#replica !== undefined,
      again: () => {
        // A document that was being created may be there already, and others may have changed it: fetch it whole.
        if (this.#start.how === "create" && this.#replica === undefined) {
          this.#createAgain(this.#start);
          return undefined;
        }
        this.#start = { how: "open" };
        stream = new ViewStream((error) => this.#viewFailed(error));
        const own = stream;
        own.onOpened = (payload) => this.#onOpened(own, payload);
        own.onPages = (builder) => this.#onSnapshot(own, builder);
        own.onEvent = (payload) => this.#onEvent(readDocEvent(payload));
        return request();
      },
    });
  }

  /** The connection broke while the document was being created. */
  #createAgain({ type, content }: { type: string; content: MapNode }): void {
    const { channel, session } = this.#context;
    channel.ask(encodeCreate({ documentId: this.idBytes, session, type, content, detached: true }), { waits: true }).then(
      () => {
        this.#start = { how: "open" };
        this.#beginView();
      },
      (error: AvatarError) => this.#viewFailed(error),
    );
  }

  #onOpened(stream: ViewStream, payload: Uint8Array): void {
    const opened = readDocOpened(payload);
    this.type = opened.type;
    this.owner = opened.owner;
    this.createdMs = opened.createdMs;
    this.updatedMs = opened.updatedMs;
    stream.view = opened.view;
    stream.appliedSeq = opened.appliedSeq;
    if (this.#start.how === "create") this.#isOpen(stream, this.#start.content);
  }

  #onSnapshot(stream: ViewStream, builder: SnapshotBuilder): void {
    this.#isOpen(stream, builder.root);
  }

  #isOpen(stream: ViewStream, root: MapNode): void {
    this.#view = stream.view;
    this.#version = 0;
    this.#start = { how: "open" };
    if (this.#replica === undefined) {
      this.#replica = new Replica(root);
      this.#nextSeq = stream.appliedSeq + 1;
      this.#settleOpened.resolve();
    } else {
      this.#reopened(this.#replica, root, stream.appliedSeq);
    }
    this.#send();
  }

  /** The same document, from another instance of the Meta Unit: nothing that is unanswered may be lost, nothing applied twice. */
  #reopened(replica: Replica, root: MapNode, appliedSeq: number): void {
    this.#changed("remote", undefined, () => {
      try {
        replica.restart(root, appliedSeq, diff);
      } catch (error) {
        if (!(error instanceof EditError)) throw error;
        this.#replica = new Replica(root);
      }
      return "compare";
    });
    const unapplied = this.#outbox.filter((change) => change.firstSeq + seqCount(change.body) - 1 > appliedSeq);
    for (const change of this.#outbox) change.seenVersion = 0;
    // A change that had taken its place in an order that a crash took back is pending once more: all of them begin again on what is there now.
    if (this.#replica !== replica || replica.pendingCount !== unapplied.length) {
      replica = this.#replica = new Replica(root);
      unapplied.forEach((change) => replica.add(change));
    }
    const pending = replica.renumber(appliedSeq + 1);
    // What is not applied yet is sent as it now has to be; what is applied is only sent to learn that it is durable.
    unapplied.forEach((change, i) => {
      const now = pending[i];
      if (now === undefined) return;
      change.firstSeq = now.firstSeq;
      change.body = now.body;
    });
    const last = pending.at(-1);
    this.#nextSeq = last === undefined ? appliedSeq + 1 : last.firstSeq + seqCount(last.body);
  }

  #viewLost(): void {
    this.#view = undefined;
    this.#sealRun();
    for (const change of this.#outbox) {
      change.call?.cancel();
      change.call = undefined;
    }
    this.#sent = 0;
  }

  #viewFailed(error: AvatarError): void {
    if (this.#ended !== undefined) return;
    if (this.#replica !== undefined && error.code === "NOT_FOUND") {
      this.#onDeleted();
      return;
    }
    this.#end(error);
    this.#settleOpened.reject(error);
  }

  #onEvent(message: DocEventMessage): void {
    const replica = this.#replica;
    if (replica === undefined || this.#ended !== undefined) return;
    // What was typed before this event was typed without having seen it.
    this.#sealRun();
    const { event } = message;
    this.#version = message.version;
    this.canUndo = message.canUndo;
    this.canRedo = message.canRedo;
    if (event?.case === "patched") {
      this.updatedMs = Math.max(this.updatedMs, event.value.updatedMs);
      this.#changed("remote", undefined, () => replica.receive(event.value.edits));
    } else if (event?.case === "ownApplied") {
      if (event.effect) this.updatedMs = Math.max(this.updatedMs, event.effect.updatedMs);
      this.#changed("remote", undefined, () => replica.acknowledge(event.throughSeq, event.effect?.edits));
    } else if (event?.case === "deleted") {
      this.#onDeleted();
    }
  }

  #onDeleted(): void {
    if (this.deleted) return;
    this.deleted = true;
    this.#end(new AvatarNotFoundError(`Document ${this.id} was deleted.`));
    this.#emit({ source: "deleted", origin: undefined, patches: [] });
  }

  /** What the confirmed edits say does not fit what we have: a fault of ours or the host's. The Meta Unit's document is the truth: fetch it. */
  #resync(): void {
    if (this.#view === undefined || this.#ended !== undefined) return;
    this.#viewCall?.cancel();
    this.#viewLost();
    this.#start = { how: "open" };
    this.#beginView();
  }

  /* Reading ----------------------------------------------------------------------------------------------------------------------------------------------------- */

  /** The document as it is to be shown. */
  get root(): MapNode {
    if (this.#replica === undefined) throw new AvatarClosedError("CLOSED", "The document is not open.");
    try {
      return (this.#lastRoot = this.#replica.root);
    } catch (error) {
      if (!(error instanceof EditError) || this.#lastRoot === undefined) throw error;
      this.#resync();
      return this.#lastRoot;
    }
  }

  get saved(): boolean {
    return this.#outbox.length === 0 && !this.#unstored;
  }

  get pendingWrites(): number {
    return this.#outbox.length;
  }

  listen(listener: (event: CoreEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #emit(event: CoreEvent): void {
    for (const listener of [...this.#listeners]) tell(listener, event);
  }

  /** Does something to the replica, and tells the listeners how what is shown changed. */
  #changed(source: "local" | "remote", origin: object | undefined, act: () => Effect): void {
    if (this.#listeners.size === 0) {
      act();
      return;
    }
    const before = this.root;
    const effect = act();
    if (effect === "none") return;
    const edits = effect === "compare" ? diff(before, this.root) : effect;
    if (edits.length > 0) this.#emit({ source, origin, patches: edits.map(patchOf) });
  }

  /* Changing ---------------------------------------------------------------------------------------------------------------------------------------------------- */

  /** Runs a recipe. Resolves when what it did is durable. */
  change(origin: object, recipe: (draft: never) => unknown, message: string): Promise<void> {
    const refused = this.#refusal();
    if (refused) return Promise.reject(refused);
    let edits: Edit[];
    try {
      edits = record(this.root, recipe);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    const [first] = edits;
    if (first === undefined) return Promise.resolve();
    // One splice is what typing is made of: it travels as such.
    if (edits.length === 1 && first.op === "splice" && message === "") return this.splice(origin, first.path, first.index, first.delete, first.insert);
    const { promise } = this.#add(edits, message);
    if (this.#listeners.size > 0) this.#emit({ source: "local", origin, patches: edits.map(patchOf) });
    return promise;
  }

  /** Edits a text. Resolves when that is durable. */
  splice(origin: object, path: Path, index: number, deleteCount: number, insert: string): Promise<void> {
    let open = this.#openRun;
    if (open === undefined || open.version !== this.#version || open.run.count >= MAX_RUN_SPLICES || !samePath(open.run.path, path)) {
      const refused = this.#refusal();
      if (refused) return Promise.reject(refused);
      const text = nodeAt(this.root, path);
      if (!(text instanceof Text)) return Promise.reject(new AvatarArgumentError(`No text is at ${JSON.stringify(path)}.`));
      if (!fits(index, deleteCount, text.length)) return Promise.reject(outside(index, deleteCount, text.length));
      const run = new TextRun(path.slice());
      open = { run, version: this.#version, textLength: text.length, change: this.#add(run, "") };
      this.#openRun = open;
    } else if (!fits(index, deleteCount, open.textLength)) {
      return Promise.reject(outside(index, deleteCount, open.textLength));
    }
    const well = wellFormed(insert);
    open.run.push(index, deleteCount, well);
    open.textLength += well.length - deleteCount;
    this.#nextSeq++;
    if (this.#listeners.size > 0) this.#emit({ source: "local", origin, patches: [{ op: "splice", path: open.run.path, index, delete: deleteCount, insert: well }] });
    if (open.run.count >= MAX_RUN_SPLICES) this.flush();
    return open.change.promise;
  }

  /** Resolves with whether there was something to take back or to bring back. */
  async travel(direction: "undo" | "redo"): Promise<boolean> {
    const refused = this.#refusal();
    if (refused) throw refused;
    const change = this.#add(direction, "");
    await change.promise;
    return change.didSomething;
  }

  #refusal(): AvatarError | undefined {
    if (this.#ended !== undefined) return this.#ended;
    return this.#replica === undefined ? new AvatarClosedError("CLOSED", "The document is not open.") : undefined;
  }

  #add(body: ChangeBody, message: string): Outgoing {
    this.#sealRun();
    const change = outgoing(this.#nextSeq, body, this.#version, message);
    if (!(body instanceof TextRun)) this.#nextSeq++;
    this.#replica?.add(change);
    this.#outbox.push(change);
    this.updatedMs = Math.max(this.updatedMs, Date.now());
    if (typeof body !== "string") {
      this.canUndo = true;
      this.canRedo = false;
    }
    this.#planFlush();
    return change;
  }

  #sealRun(): void {
    this.#openRun = undefined;
  }

  #planFlush(): void {
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    queueMicrotask(() => {
      this.#flushPlanned = false;
      this.flush();
    });
  }

  /** Sends what has gathered. */
  flush(): void {
    this.#sealRun();
    this.#send();
  }

  #send(): void {
    const view = this.#view;
    if (view === undefined || this.#ended !== undefined) return;
    for (; this.#sent < this.#outbox.length; this.#sent++) {
      const change = this.#outbox[this.#sent] as Outgoing;
      if (change === this.#openRun?.change) return;
      const request = encodeChange({ view, changeSeq: change.firstSeq, seenVersion: change.seenVersion, body: change.body, message: change.message });
      change.call = this.#context.channel.call(request, {
        answer: (_field, payload) => this.#acknowledged(change, payload),
        fail: (error) => this.#refused(change, error),
        // The view, opened again, sends it again.
        again: () => undefined,
        waits: () => true,
      });
    }
  }

  #remove(change: Outgoing): boolean {
    const index = this.#outbox.indexOf(change);
    if (index < 0) return false;
    this.#outbox.splice(index, 1);
    if (index < this.#sent) this.#sent--;
    return true;
  }

  #acknowledged(change: Outgoing, payload: Uint8Array): void {
    if (!this.#remove(change)) return;
    const { updatedMs, didSomething } = readDocChanged(payload);
    this.updatedMs = Math.max(this.updatedMs, updatedMs);
    change.didSomething = didSomething;
    this.#unstored = false;
    change.resolve();
    if (this.#outbox.length === 0) this.#emit({ source: "saved", origin: undefined, patches: [] });
  }

  #refused(change: Outgoing, error: AvatarError): void {
    if (!this.#remove(change)) return;
    let neverHappened = false;
    this.#changed("remote", undefined, () => {
      const effect = this.#replica?.refuse(change.firstSeq) ?? "none";
      neverHappened = effect !== "none";
      return effect;
    });
    change.reject(error);
    // A refused change leaves a gap in the numbers: the view that is opened again says where to go on. One that is applied and could not be stored leaves none;
    // it is stored with the next one.
    if (neverHappened) this.#resync();
    else this.#unstored = true;
  }

  /* The past ---------------------------------------------------------------------------------------------------------------------------------------------------- */

  async history(limit: number, offset: number): Promise<HistoryEntry[]> {
    this.flush();
    const { payload } = await this.#context.channel.ask(encodeHistory(this.idBytes, limit, offset));
    return readDocHistoryResult(payload).changes.map((change) => ({
      hash: hex(change.hash),
      actor: hex(change.actor),
      time: new Date(change.timeMs),
      ...(change.message === "" ? {} : { message: change.message }),
      ops: change.ops,
      heads: change.heads.map(hex),
    }));
  }

  at(heads: readonly string[]): Promise<MapNode> {
    this.flush();
    const request = encodeAt(this.idBytes, heads.map(fromHex));
    return new Promise((resolve, reject) => {
      let stream = new ViewStream(reject);
      stream.onPages = (builder) => resolve(builder.root);
      this.#context.channel.call(request, {
        answer: (field, payload) => stream.take(field, payload),
        fail: reject,
        lost: () => stream.stop(),
        again: () => {
          stream = new ViewStream(reject);
          stream.onPages = (builder) => resolve(builder.root);
          return request;
        },
      });
    });
  }

  /* The end ----------------------------------------------------------------------------------------------------------------------------------------------------- */

  retain(): void {
    this.#handles++;
  }

  /** A handle is closed or forgotten. With the last one the view ends, once everything is durable. */
  async release(): Promise<void> {
    this.#handles--;
    await this.settled();
    if (this.#handles > 0 || this.#ended !== undefined) return;
    this.#viewCall?.cancel();
    this.#end(new AvatarClosedError("CLOSED", "The document is closed."));
  }

  /** Resolves when nothing is on its way any more. */
  async settled(): Promise<void> {
    this.flush();
    // While waiting for some, more may come.
    while (this.#outbox.length > 0) await Promise.allSettled(this.#outbox.map(({ promise }) => promise));
  }

  #end(error: AvatarError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#view = undefined;
    this.#sealRun();
    const left = this.#outbox;
    this.#outbox = [];
    this.#sent = 0;
    for (const change of left) {
      change.call?.cancel();
      change.reject(error);
    }
    this.#context.gone(this);
  }
}

/** Takes the answers of a view in order, large snapshots in slices. */
class ViewStream {
  view: number | undefined;
  appliedSeq = 0;
  onOpened: (payload: Uint8Array) => void = () => undefined;
  onPages: (builder: SnapshotBuilder) => void = () => undefined;
  onEvent: (payload: Uint8Array) => void = () => undefined;
  readonly #fail: (error: AvatarError) => void;
  readonly #builder = new SnapshotBuilder();
  #queue: { field: number; payload: Uint8Array }[] = [];
  #working = false;
  #stopped = false;

  constructor(fail: (error: AvatarError) => void) {
    this.#fail = fail;
  }

  take(field: number, payload: Uint8Array): void {
    if (this.#stopped) return;
    if (this.#working || field === Answer.snapshotPage) {
      this.#queue.push({ field, payload });
      // The pages of one message are queued before the work on them begins, so that it can be cut between any two.
      if (!this.#working) void this.#work();
    } else {
      this.#guard(() => this.#one(field, payload));
    }
  }

  /** What has not been worked on is void. */
  stop(): void {
    this.#stopped = true;
    this.#queue = [];
  }

  async #work(): Promise<void> {
    this.#working = true;
    await Promise.resolve();
    const slice = new Slice();
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const { field, payload } = next;
      this.#guard(() => this.#one(field, payload));
      if (field === Answer.snapshotPage && slice.over) await slice.rest();
    }
    this.#working = false;
  }

  #guard(act: () => void): void {
    try {
      act();
    } catch (cause) {
      this.stop();
      this.#fail(new AvatarError("INTERNAL", "The node's answer could not be read.", { cause }));
    }
  }

  #one(field: number, payload: Uint8Array): void {
    if (field === Answer.docOpened) this.onOpened(payload);
    else if (field === Answer.docEvent) this.onEvent(payload);
    else if (field === Answer.snapshotPage) {
      this.#builder.add(payload);
      if (this.#builder.complete) this.onPages(this.#builder);
    }
  }
}

function fits(index: number, deleteCount: number, length: number): boolean {
  return Number.isInteger(index) && Number.isInteger(deleteCount) && index >= 0 && deleteCount >= 0 && index + deleteCount <= length;
}

function outside(index: number, deleteCount: number, length: number): AvatarArgumentError {
  return new AvatarArgumentError(`A splice of ${deleteCount} at ${index} is outside of a text of ${length}.`);
}

function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

function fromHex(text: string): Uint8Array {
  if (typeof text !== "string" || text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) throw new AvatarArgumentError(`Not a head: ${JSON.stringify(text)?.slice(0, 80)}.`);
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(i * 2, i * 2 + 2), 16));
}
