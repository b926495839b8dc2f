/** The wallet as signals: the credentials that are kept, and the requests that were made here. */
import type { KeptCredential } from "@dao/avatar";
import { signal } from "@preact/signals";
import { notifyError } from "../shell/toasts";
import type { RequestFacts } from "../wallet/document";
import { theAvatar } from "./avatar";

/** Newest first; `undefined` until they were asked for. */
export const wallet = signal<readonly KeptCredential[] | undefined>(undefined);

/** Requests of this page that wait for their presentation. A presentation is only worth something for the challenge that it was asked with. */
export const asked = signal<readonly RequestFacts[]>([]);

/** Asks the node what it keeps: here and in other tabs it may have changed. */
export async function refreshWallet(): Promise<void> {
  try {
    wallet.value = (await theAvatar().credentials.list()).sort((a, b) => b.keptAt.getTime() - a.keptAt.getTime());
  } catch (error) {
    notifyError(error);
  }
}
