/**
 * Where the app is. Addresses live behind the `#`, so that the app can be served from any folder by any static server, and every address works offline.
 */
import { computed, signal } from "@preact/signals";

export type PageName = "notes" | "note" | "new" | "import" | "export" | "wallet" | "devices" | "link" | "network" | "identity" | "recovery" | "restore" | "storage";

export interface Route {
  readonly page: PageName;
  /** The document of `note`, the credential or the task of `wallet`, the code of `link`. */
  readonly id?: string;
  readonly query: URLSearchParams;
}

const PAGES: ReadonlySet<string> = new Set(["new", "import", "export", "wallet", "devices", "link", "network", "identity", "recovery", "restore", "storage"]);

export function parseRoute(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#/, "").split("?", 2);
  const query = new URLSearchParams(search);
  const [first = "", second] = path.split("/").filter(Boolean);
  if ((first === "note" || first === "wallet" || first === "link") && second) return { page: first, id: second, query };
  if (PAGES.has(first)) return { page: first as PageName, query };
  return { page: "notes", query };
}

const hash = signal(location.hash);
addEventListener("hashchange", () => (hash.value = location.hash));

export const route = computed(() => parseRoute(hash.value));

/** Goes to an address (`#/…`). `replace` leaves no way back, for steps that a person did not take. */
export function go(address: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, "", address);
  else if (location.hash !== address) history.pushState(null, "", address);
  hash.value = address;
}

export const noteAddress = (id: string): string => `#/note/${id}`;

/** The address of a page. */
export const pageAddress = (page: Exclude<PageName, "note" | "new">): string => (page === "notes" ? "#/" : `#/${page}`);

/** The address of a credential, or of a task, in the wallet. */
export const walletAddress = (id: string): string => `#/wallet/${id}`;
