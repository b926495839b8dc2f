/**
 * What is asked of the Meta Unit about the network. A part of its own: nobody needs it before there is a second device.
 *
 * @module
 */
import { askFor, type AskOptions } from "../channel/ask.js";
import type { Channel } from "../channel/channel.js";
import { tell } from "../emitter.js";
import { AvatarClosedError, AvatarError } from "../errors.js";
import { text } from "../identity/texts.js";
import type { DeviceInvitation, JoinOptions, PeersFinding, PeersState } from "./api.js";
import { findingsOf, joinProgressOf, PeersAnswer, peersStateOf, readDeviceInvitation, readDeviceJoining, readPeersDiagnosis, readPeersState } from "./messages.js";
import { encodeDeviceInvite, encodeDeviceInviteCancel, encodeDeviceJoin, encodePeersConfigure, encodePeersConnect, encodePeersDiagnose, encodePeersGet } from "./requests.js";

/** See `Peers`, whose methods these are. */
export class Network {
  readonly #channel: Channel;
  readonly #changed: (state: PeersState) => void;
  #last = "";

  /** `changed` is told each state that is another than the one before. */
  constructor(channel: Channel, changed: (state: PeersState) => void) {
    this.#channel = channel;
    this.#changed = changed;
  }

  /** The node says how things are now: an encoded PeersState. */
  observe(bytes: Uint8Array): PeersState {
    const state = peersStateOf(readPeersState(bytes));
    const last = JSON.stringify(state);
    if (last !== this.#last) this.#changed(state);
    this.#last = last;
    return state;
  }

  #ask(request: Uint8Array, options?: AskOptions): Promise<PeersState> {
    return askFor(this.#channel, request, PeersAnswer.peers, (payload) => this.observe(payload), options);
  }

  state(): Promise<PeersState> {
    return this.#ask(encodePeersGet());
  }

  useRelays(relays: readonly string[]): Promise<PeersState> {
    return this.#ask(encodePeersConfigure(relays));
  }

  connect(on: boolean): Promise<PeersState> {
    return this.#ask(encodePeersConnect(on));
  }

  async invite(): Promise<DeviceInvitation> {
    const { code, expiresMs } = await askFor(this.#channel, encodeDeviceInvite(), PeersAnswer.deviceInvitation, readDeviceInvitation, { once: true });
    return {
      code,
      expiresAt: new Date(expiresMs),
      cancel: async () => void (await this.#ask(encodeDeviceInviteCancel())),
    };
  }

  async join(code: string, { name = "", onProgress, signal }: JoinOptions): Promise<void> {
    if (signal?.aborted) throw givenUp(signal);
    const request = encodeDeviceJoin(text(code, "A code").trim(), name === "" ? "" : text(name, "A device's name"));
    let giveUp = (): void => undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const call = this.#channel.call(request, {
          answer: (field, payload, end) => {
            if (field !== PeersAnswer.deviceJoining) return reject(new AvatarError("INTERNAL", "The node answered something else than what was asked."));
            const progress = joinProgressOf(readDeviceJoining(payload));
            if (onProgress) tell(onProgress, progress);
            if (progress.stage === "done") resolve();
            else if (end) reject(new AvatarError("INTERNAL", "The joining ended before it was done."));
          },
          fail: reject,
          // A code counts once.
          retries: false,
        });
        giveUp = () => {
          call.cancel();
          reject(givenUp(signal));
        };
        signal?.addEventListener("abort", giveUp);
      });
    } finally {
      signal?.removeEventListener("abort", giveUp);
      request.fill(0);
    }
  }

  async diagnose(): Promise<readonly PeersFinding[]> {
    return findingsOf(await askFor(this.#channel, encodePeersDiagnose(), PeersAnswer.peersDiagnosis, readPeersDiagnosis));
  }
}

function givenUp(signal: AbortSignal | undefined): AvatarClosedError {
  return new AvatarClosedError("CANCELLED", "The joining was given up.", { cause: signal?.reason });
}
