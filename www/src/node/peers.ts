/** The person's devices on the network, as signals that the page draws from. Loaded after the first list: nothing of it is needed for one. */
import type { DeviceInvitation, PeersState } from "@dao/avatar";
import { effect, signal } from "@preact/signals";
import { findRelays } from "../devices/relays";
import { notifyError } from "../shell/toasts";
import { theAvatar } from "./avatar";
import { identity, locked } from "./identity";
import { codeOf } from "./words";

/** The network as it is now; `undefined` until the node has told it, and where it has none. */
export const peers = signal<PeersState | undefined>(undefined);

/** The invitation that is open. Here, so that it is still there when the person comes back to the page. */
export const invitation = signal<DeviceInvitation | undefined>(undefined);

/** A relay that went away may come back at another address: the server is asked again, so often at most. */
const ASK_AGAIN_MS = 10_000;
/** A node without a network. That is no news: what needs one says so. */
const NO_NETWORK = new Set(["UNSUPPORTED", "UNKNOWN_REQUEST", "LOCKED", "CLOSED"]);

let following = false;
let askedAt = -Infinity;
let said = "";

/** Follows the network from now on. Only a node that meets others is told of relays: for one device alone there is nothing to ask anybody. */
export function followPeers(): void {
  if (following) return;
  following = true;
  theAvatar().on("peers", (state) => {
    peers.value = state;
    if (state.relays.some(({ problem }) => problem !== undefined)) sayAgain();
  });
  addEventListener("online", sayAgain);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && sayAgain());
  effect(() => {
    if (locked.value) {
      peers.value = undefined;
      invitation.value = undefined;
    } else {
      void look();
    }
  });
}

/** The network, or the person, is back: the node looks around at once when it hears of relays, also of the same. */
function sayAgain(): void {
  if (peers.peek()?.on && performance.now() - askedAt > ASK_AGAIN_MS) void sayRelays({ again: true });
}

/** The person has another device. */
function hasOthers(): boolean {
  return identity.peek()?.devices.some(({ thisDevice, removedAt }) => !thisDevice && removedAt === undefined) === true;
}

async function look(): Promise<void> {
  try {
    peers.value = await theAvatar().peers.state();
    // Whether it is on, the node reads when it hears of relays.
    if (peers.value.on || hasOthers()) await sayRelays();
  } catch (error) {
    if (!NO_NETWORK.has(codeOf(error))) notifyError(error);
  }
}

/** Tells the node which relays there are. */
export async function sayRelays({ again = false } = {}): Promise<void> {
  askedAt = performance.now();
  const relays = await findRelays();
  if (relays.join() === said && !again) return;
  try {
    peers.value = await theAvatar().peers.useRelays(relays);
    said = relays.join();
  } catch (error) {
    if (!NO_NETWORK.has(codeOf(error))) notifyError(error);
  }
}

/** What the person calls a device. */
export function nameOf(device: string): string {
  return identity.value?.devices.find(({ id }) => id === device)?.name || "Another device";
}
