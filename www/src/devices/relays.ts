/** Where the app's relays are: the server of the app says so. */

/** What a page can dial; the other transports are for programs. */
const FOR_PAGES = /\/(webtransport|ws|wss|webrtc-direct)(\/|$)/;
const MAX_RELAYS = 16;

/** The addresses in what the server says; none where it says something else. */
export function relaysIn(said: unknown): string[] {
  const { addresses } = (said ?? {}) as { addresses?: unknown };
  if (!Array.isArray(addresses)) return [];
  return addresses.filter((address): address is string => typeof address === "string" && address.startsWith("/") && FOR_PAGES.test(address)).slice(0, MAX_RELAYS);
}

/** Asks the server. Offline, the service worker says what it heard last. */
export async function findRelays(): Promise<string[]> {
  try {
    const response = await fetch("relay.json", { cache: "no-store" });
    return response.ok ? relaysIn(await response.json()) : [];
  } catch {
    return [];
  }
}
