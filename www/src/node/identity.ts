/** Whose node this is and what opens it, as signals that the page draws from. */
import type { Avatar, IdentityState } from "@dao/avatar";
import { computed, signal } from "@preact/signals";
import { notifyError } from "../shell/toasts";

/** The identity as it is now; `undefined` until the node has told it. */
export const identity = signal<IdentityState | undefined>(undefined);

export const locked = computed(() => identity.value?.locked === true);

/** Something of the person's own opens the data, so that it can be locked. */
export const canLock = computed(() => identity.value !== undefined && (identity.value.hasPassphrase || identity.value.passkeys.length > 0));

/** Follows the identity, in whichever tab it changes. */
export async function followIdentity(avatar: Avatar): Promise<void> {
  avatar.on("identity", (state) => (identity.value = state));
  try {
    identity.value = await avatar.identity.state();
  } catch (error) {
    notifyError(error);
  }
}

/** Takes over the state that an action has led to; tells when it failed. Resolves with whether it was done. */
export async function act(action: Promise<IdentityState>): Promise<boolean> {
  try {
    identity.value = await action;
    return true;
  } catch (error) {
    notifyError(error);
    return false;
  }
}
