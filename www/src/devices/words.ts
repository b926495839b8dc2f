/** Devices and connections in words for people. */
import type { ConnectedDevice, PeerConnection, PeerTransport, PeersState } from "@dao/avatar";

const TRANSPORTS: Readonly<Record<PeerTransport, string>> = { webrtc: "WebRTC", webtransport: "WebTransport", websocket: "WebSocket", quic: "QUIC", tcp: "TCP", other: "another transport" };

/** By what a connection runs. */
export const transportWords = (transport: PeerTransport): string => TRANSPORTS[transport] ?? TRANSPORTS.other;

/** Which way a connection goes. */
export function wayWords({ relayed, transport }: Pick<PeerConnection, "relayed" | "transport">): string {
  return relayed ? "by way of a relay" : `directly (${transportWords(transport)})`;
}

/** How far a device is in step with this one. */
export function stepWords({ inSync, documentsDone, documentsTotal }: Pick<ConnectedDevice, "inSync" | "documentsDone" | "documentsTotal">): string {
  if (inSync) return "in step";
  const left = documentsTotal - documentsDone;
  return left > 0 ? `${left.toLocaleString()} ${left === 1 ? "note" : "notes"} to go` : "comparing";
}

/** The best connection of a device. */
export function connectionOf(state: PeersState, device: ConnectedDevice): PeerConnection | undefined {
  return state.connections.find(({ id }) => id === device.connection);
}

/** There and back. */
export function roundTripWords(ms: number | undefined): string {
  if (ms === undefined) return "not measured yet";
  return ms < 1 ? "under 1 ms" : `${Math.round(ms).toLocaleString()} ms`;
}

/** The minutes and seconds that are left: "9:05". */
export function leftWords(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** The host and port of a multiaddr, which is what people know of a relay. */
export function placeOf(address: string): string {
  const [, , host = address, , port] = address.split("/");
  return port === undefined ? host : `${host}:${port}`;
}

/** A text with its multiaddrs as people know them. */
export const withPlaces = (text: string): string => text.replace(/\/(?:ip4|ip6|dns[46]?|dnsaddr)\/\S+/g, placeOf);

const BROWSERS: readonly [RegExp, string][] = [
  [/Edg\//, "Edge"],
  [/OPR\//, "Opera"],
  [/Firefox\//, "Firefox"],
  [/Chrom(e|ium)\//, "Chrome"],
  [/Safari\//, "Safari"],
];
const SYSTEMS: readonly [RegExp, string][] = [
  [/iPhone/, "iPhone"],
  [/iPad/, "iPad"],
  [/Android/, "Android"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "Mac"],
  [/CrOS/, "Chromebook"],
  [/Linux/, "Linux"],
];

/** A name for a device, from what its browser says of itself: "Firefox on Linux". */
export function deviceName(userAgent: string): string {
  const find = (names: readonly [RegExp, string][], otherwise: string): string => names.find(([pattern]) => pattern.test(userAgent))?.[1] ?? otherwise;
  return `${find(BROWSERS, "Browser")} on ${find(SYSTEMS, "this device")}`;
}

/** Colours that tell devices apart: `--other-0` and so on. */
export const COLOURS = 5;

/** The colour of a device, the same everywhere. */
export function colourOf(device: string): number {
  let sum = 0;
  for (const character of device) sum = (sum * 31 + character.charCodeAt(0)) % 65_521;
  return sum % COLOURS;
}
