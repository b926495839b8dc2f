/**
 * The person's devices on the network: what a page loads of it at its start.
 *
 * @module
 */
import type { Channel } from "../channel/channel.js";
import { AvatarArgumentError, AvatarError, AvatarLoadError } from "../errors.js";
import type { DeviceInvitation, JoinOptions, Peers, PeersFinding, PeersState } from "./api.js";
import type { Network } from "./network.js";

/** The contract's limit. */
const MAX_RELAYS = 16;

/** See {@link Peers}. */
export class PeersOf implements Peers {
  peerId: string | undefined;
  readonly #channel: Channel;
  readonly #changed: (state: PeersState) => void;
  #relays: readonly string[] | undefined;
  #network: Promise<Network> | undefined;

  /** `changed` is told each state that is another than the one before. @throws AvatarArgumentError where `relays` are none */
  constructor(channel: Channel, relays: readonly string[] | undefined, changed: (state: PeersState) => void) {
    this.#channel = channel;
    this.#changed = changed;
    this.#relays = relays && checkedRelays(relays);
  }

  /** An instance of the Meta Unit has begun, or was unlocked: it knows nothing of what was said to one before. */
  begin(): void {
    const relays = this.#relays;
    if (relays === undefined) return;
    // Closed or locked: it is said again. Without a network: whoever asks for one is told.
    this.useRelays(relays).catch(ignore);
  }

  /** The node tells an encoded PeersState. */
  observe(bytes: Uint8Array): void {
    this.#loaded().then((network) => network.observe(bytes), ignore);
  }

  async state(): Promise<PeersState> {
    return (await this.#loaded()).state();
  }

  async useRelays(relays: readonly string[]): Promise<PeersState> {
    this.#relays = checkedRelays(relays);
    return (await this.#loaded()).useRelays(this.#relays);
  }

  async connect(on = true): Promise<PeersState> {
    return (await this.#loaded()).connect(on);
  }

  async invite(): Promise<DeviceInvitation> {
    return (await this.#loaded()).invite();
  }

  async join(code: string, options: JoinOptions = {}): Promise<void> {
    return (await this.#loaded()).join(code, options);
  }

  async diagnose(): Promise<readonly PeersFinding[]> {
    return (await this.#loaded()).diagnose();
  }

  #loaded(): Promise<Network> {
    return (this.#network ??= import("./network.js").then(
      ({ Network }) =>
        new Network(this.#channel, (state) => {
          this.peerId = state.peerId;
          this.#changed(state);
        }),
      (cause: unknown) => {
        // The next call tries again.
        this.#network = undefined;
        throw new AvatarLoadError("NOT_FOUND", "The part for the network could not be loaded.", { cause });
      },
    ));
  }
}

function ignore(error: unknown): void {
  if (!(error instanceof AvatarError)) throw error;
}

function checkedRelays(relays: readonly string[]): readonly string[] {
  if (Array.isArray(relays) && relays.length <= MAX_RELAYS && relays.every((relay) => typeof relay === "string" && relay.startsWith("/"))) return [...relays];
  throw new AvatarArgumentError(`Relays are at most ${MAX_RELAYS} multiaddrs.`);
}
