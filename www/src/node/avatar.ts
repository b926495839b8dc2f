/** The Avatar of this tab, and how it is doing, as signals that the page draws from. */
import { createAvatar, type Avatar, type AvatarStatus } from "@dao/avatar";
import { computed, effect, signal } from "@preact/signals";
import { dismissAll, notify, notifyError } from "../shell/toasts";
import { followIdentity, locked } from "./identity";

export type Phase = { readonly name: "starting" } | { readonly name: "ready"; readonly avatar: Avatar } | { readonly name: "failed"; readonly error: unknown };

export const phase = signal<Phase>({ name: "starting" });
/** The last status that was asked for. */
export const status = signal<AvatarStatus | undefined>(undefined);
/** While the index is made again. */
export const rebuilding = signal<{ done: number; total: number } | undefined>(undefined);

/** Writes of this tab that are not durable yet. While the node is locked they wait. */
export const writesInFlight = signal(0);
const lastWriteFailed = signal(false);

export type SaveState = "saved" | "saving" | "memory" | "error";

/** Whether everything done in this tab is durable. */
export const saveState = computed<SaveState>(() => {
  if (lastWriteFailed.value) return "error";
  if (writesInFlight.value > 0) return "saving";
  return status.value?.storage.kind === "memory" ? "memory" : "saved";
});

/** The Avatar, once it is up. Pages are drawn only then, so that this cannot fail in them. */
export function theAvatar(): Avatar {
  if (phase.peek().name !== "ready") throw new Error("The Avatar is not ready yet.");
  return (phase.peek() as { avatar: Avatar }).avatar;
}

/** Counts a write until it is durable, and tells when it fails. The promise that comes back never rejects. */
export async function tracked<T>(write: Promise<T>): Promise<T | undefined> {
  writesInFlight.value++;
  try {
    const result = await write;
    lastWriteFailed.value = false;
    return result;
  } catch (error) {
    lastWriteFailed.value = true;
    notifyError(error);
    return undefined;
  } finally {
    writesInFlight.value--;
  }
}

/** Asks the node how it is doing. */
export async function refreshStatus(): Promise<void> {
  if (phase.peek().name !== "ready" || locked.peek()) return;
  try {
    status.value = await theAvatar().status();
  } catch (error) {
    notifyError(error);
  }
}

declare global {
  interface Window {
    /** For people who look under the bonnet, and for tests. */
    avatarApp?: { readonly avatar: Avatar };
  }
}

/** Starts the Avatar of this tab. `?name=` opens a database of its own. */
export async function startAvatar(): Promise<void> {
  const params = new URLSearchParams(location.search);
  const name = params.get("name");
  try {
    const avatar = await createAvatar({ ...(name ? { name } : {}), ...(params.get("testRequests") === "1" ? { testRequests: true } : {}) });
    window.avatarApp = { avatar };
    avatar.on("role", () => void refreshStatus());
    avatar.on("restarted", () => {
      notify("The core was started again after a fault. Nothing that was saved is lost.", { code: "CRASHED" });
      void refreshStatus();
    });
    avatar.on("corrupt", ({ id, reason }) => notify(`One note (${id}) is damaged: ${reason}. All others are fine.`, { kind: "error", code: "CORRUPT" }));
    avatar.on("rebuilding", ({ done, total }) => (rebuilding.value = done < total ? { done, total } : undefined));
    avatar.on("trouble", ({ error }) => {
      lastWriteFailed.value = true;
      notifyError(error);
    });
    await followIdentity(avatar);
    phase.value = { name: "ready", avatar };
    effect(() => {
      // What was said before the lock is nobody's business after it.
      if (locked.value) dismissAll();
      else void refreshStatus();
    });
  } catch (error) {
    phase.value = { name: "failed", error };
  }
}
