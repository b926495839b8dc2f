// A js-libp2p peer in a page: bundled, and called by the test.
import { webRTCDirect } from "@libp2p/webrtc";
import { webSockets } from "@libp2p/websockets";
import { webTransport } from "@libp2p/webtransport";
import { multiaddr } from "@multiformats/multiaddr";
import { createPeer, roundTrip } from "./js-peer.mjs";

const TRANSPORTS = { ws: webSockets, "webrtc-direct": webRTCDirect, webtransport: webTransport };

/** Dials `relay` by `transport`; resolves with the round trip in milliseconds. */
globalThis.start = async (transport, relay) => {
  globalThis.peer = await createPeer({ transports: [TRANSPORTS[transport]()] });
  return peer.services.ping.ping(multiaddr(relay));
};

/** Sends `size` bytes through the circuit to a peer who echoes, and says whether they came back. */
globalThis.echoThrough = async (circuit, size) => {
  const connection = await peer.dial(multiaddr(circuit));
  const data = new Uint8Array(size).map((_, index) => (index * 31) >> 3);
  const back = await roundTrip(connection, data);
  return back.length === size && back.every((byte, index) => byte === data[index]);
};
