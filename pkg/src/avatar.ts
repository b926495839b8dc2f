/**
 * The Avatar that an application holds.
 *
 * @module
 */
import type { Avatar, AvatarEvents, AvatarOptions, AvatarStatus, Unsubscribe } from "./api.js";
import { Channel } from "./channel/channel.js";
import { readEvent, readStatusResult, type HostReady } from "./channel/messages.js";
import { CredentialsOf } from "./credentials/credentials.js";
import { asyncDispose } from "./dispose.js";
import { DocsOf } from "./docs/docs.js";
import { encodeStatusGet, encodeTestTrap } from "./docs/requests.js";
import { Emitter } from "./emitter.js";
import type { Environment, MakeConnector } from "./environment.js";
import { AvatarClosedError, AvatarError, codeOfAppError, errorOfCode } from "./errors.js";
import { IdentityOf } from "./identity/identity.js";
import { idToString } from "./ids.js";
import type { Connector } from "./leader/connector.js";
import { PeersOf } from "./peers/peers.js";
import { PresenceBoard } from "./peers/presence.js";
import { statusOf } from "./status.js";

/** See {@link Avatar}. */
export class AvatarClient implements Avatar {
  readonly docs: DocsOf;
  readonly identity: IdentityOf;
  readonly credentials: CredentialsOf;
  readonly peers: PeersOf;
  /** Resolves when a host answers for the first time. */
  readonly started: Promise<void>;
  readonly #channel: Channel;
  readonly #presence: PresenceBoard;
  readonly #connector: Connector;
  readonly #environment: Environment;
  readonly #emitter = new Emitter<AvatarEvents>();
  readonly #lacking: readonly string[];
  readonly #wantsPersistence: boolean;
  #settleStarted!: { resolve: () => void; reject: (error: Error) => void };
  #running = false;
  #closing: Promise<void> | undefined;

  constructor(options: AvatarOptions, environment: Environment, makeConnector: MakeConnector, lacking: readonly string[]) {
    this.#environment = environment;
    this.#lacking = lacking;
    this.#wantsPersistence = options.persist ?? true;
    this.started = new Promise((resolve, reject) => (this.#settleStarted = { resolve, reject }));
    this.#channel = new Channel({
      ready: (ready) => this.#onReady(ready),
      restarted: ({ restarts, reason }) => {
        void this.#begin();
        this.#emitter.emit("restarted", { restarts, reason });
      },
      event: (bytes) => this.#onEvent(bytes),
      failed: (error, closed) => (closed ? this.#connector.hostClosed() : this.#fail(error)),
    });
    this.#presence = new PresenceBoard(this.#channel);
    this.docs = new DocsOf(this.#channel, this.#presence);
    this.identity = new IdentityOf(this.#channel, environment.passkeys, (state, before) => {
      if (before?.locked && !state.locked) this.#join();
      this.#emitter.emit("identity", state);
    });
    this.credentials = new CredentialsOf(this.#channel);
    this.peers = new PeersOf(this.#channel, options.relays, (state) => this.#emitter.emit("peers", state));
    this.#connector = makeConnector(this.#channel, {
      role: (role) => this.#running && this.#emitter.emit("role", { role }),
      failed: (error) => this.#fail(error),
    });
    this.#connector.start();
  }

  get did(): string {
    return this.identity.did;
  }

  get peerId(): string | undefined {
    return this.peers.peerId;
  }

  async status(): Promise<AvatarStatus> {
    const [{ payload }, { status }] = await Promise.all([this.#channel.ask(encodeStatusGet()), this.#channel.askHost({ ask: "status" })]);
    if (status === undefined) throw new AvatarError("INTERNAL", "The host answered something else than its status.");
    return statusOf(readStatusResult(payload), status, { role: this.#connector.role, pendingWrites: this.docs.pendingWrites, lacking: this.#lacking });
  }

  on<E extends keyof AvatarEvents>(event: E, listener: (detail: AvatarEvents[E]) => void): Unsubscribe {
    return this.#emitter.on(event, listener);
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async [asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Makes the Meta Unit trap. Only where `testRequests` was given; resolves when it has, and a new one runs. @internal */
  async testTrap(): Promise<void> {
    const restarted = new Promise<void>((resolve) => {
      const off = this.on("restarted", () => {
        off();
        resolve();
      });
    });
    try {
      await this.#channel.ask(encodeTestTrap(), { retries: false });
    } catch (error) {
      if (!(error instanceof AvatarError) || error.code !== "CRASHED") throw error;
    }
    await restarted;
  }

  async #close(): Promise<void> {
    if (this.#channel.connected) {
      // What waits for the unlocking of a locked node is not awaited: nobody may come to unlock it.
      await Promise.race([this.docs.settled(), this.#locked()]);
      // A follower leaves; the leader takes the host with it.
      if (this.#connector.role === "leader" && this.#channel.connected) {
        await this.#channel.askHost({ ask: "close" }).catch((error: unknown) => {
          if (!(error instanceof AvatarError)) throw error;
        });
      }
    }
    this.#end(new AvatarClosedError());
  }

  /** Resolves when the node is locked. */
  #locked(): Promise<void> {
    return new Promise((resolve) => {
      if (this.identity.locked) resolve();
      this.on("identity", ({ locked }) => locked && resolve());
    });
  }

  #end(error: AvatarError): void {
    this.#channel.end(error);
    this.#connector.close();
    this.#settleStarted.reject(error);
    this.#emitter.emit("closed", {});
  }

  #fail(error: AvatarError): void {
    if (this.#closing !== undefined) return;
    this.#closing = Promise.resolve();
    if (this.#running) this.#emitter.emit("trouble", { error });
    this.#settleStarted.reject(error);
    this.#end(error);
  }

  #onReady(ready: HostReady): void {
    this.identity.greet(ready.did);
    this.#running = true;
    // What the host said is from its start: since then somebody may have unlocked it, or made another identity key.
    void this.#begin().then(() => this.#settleStarted.resolve());
    if (this.#wantsPersistence) void this.#persist();
  }

  /** An instance of the Meta Unit has begun. */
  #begin(): Promise<void> {
    this.#join();
    return this.#refreshIdentity();
  }

  /** The instance, or one that was unlocked, knows nothing of what was said to one before. */
  #join(): void {
    this.peers.begin();
    this.#presence.begin();
  }

  async #refreshIdentity(): Promise<void> {
    await this.identity.state().catch((error: unknown) => {
      // The Avatar was closed meanwhile, or the node has no identity to tell of: what is asked of it next says why.
      if (!(error instanceof AvatarError)) throw error;
    });
  }

  /** `navigator.storage.persist()` is for windows only, so the window asks, and tells the host. */
  async #persist(): Promise<void> {
    const persisted = await this.#environment.persist();
    if (persisted === undefined || this.#closing !== undefined) return;
    await this.#channel.askHost({ ask: "persisted", persisted }).catch((error: unknown) => {
      // The Avatar was closed meanwhile.
      if (!(error instanceof AvatarError)) throw error;
    });
  }

  #onEvent(bytes: Uint8Array): void {
    // One of these; none, where it is an event of a newer contract.
    const { docCorrupt, indexRebuilding, storageTrouble, identityChanged, peersChanged, presenceChanged } = readEvent(bytes);
    if (docCorrupt) this.#emitter.emit("corrupt", { id: idToString(docCorrupt.documentId), reason: docCorrupt.reason });
    if (indexRebuilding) this.#emitter.emit("rebuilding", indexRebuilding);
    if (identityChanged) this.identity.observe(identityChanged);
    for (const state of peersChanged) this.peers.observe(state);
    if (presenceChanged) this.#presence.observe(presenceChanged);
    if (storageTrouble) this.#emitter.emit("trouble", { error: errorOfCode(codeOfAppError(storageTrouble.code), storageTrouble.message) });
  }
}
