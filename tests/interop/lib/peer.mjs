// A js-libp2p peer in Node.
import { tcp } from "@libp2p/tcp";
import { webRTCDirect } from "@libp2p/webrtc";
import { webSockets } from "@libp2p/websockets";
import { multiaddr } from "@multiformats/multiaddr";
import { WebSocket } from "ws";
import { atEnd } from "./ending.mjs";
import { createPeer, roundTrip } from "./js-peer.mjs";

// What js-libp2p expects of its platform, and Node 20 lacks.
globalThis.WebSocket ??= WebSocket;
Promise.withResolvers ??= function withResolvers() {
  const parts = {};
  parts.promise = new this((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
};

const TRANSPORTS = { ws: webSockets, "webrtc-direct": webRTCDirect, tcp };

/** Starts a peer that dials by `transport`; the other options are those of `createPeer`. Stopped after the test `t`. */
export async function startPeer(t, { transport, ...options }) {
  const peer = await createPeer({ transports: [TRANSPORTS[transport]()], ...options });
  atEnd(t, () => peer.stop());
  return peer;
}

/** The address at which a peer says that the relay can reach it. */
export function circuitAddress(peer) {
  const find = () => peer.getMultiaddrs().find((address) => address.toString().includes("/p2p-circuit"));
  return until("a circuit address", peer, ["self:peer:update"], find);
}

/** Resolves when `check` gives a value that counts, looking again at each of the emitter's events; `what` is said when it never does. */
export function until(what, emitter, events, check, { ms = 20_000 } = {}) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => finish(reject, new Error(`not after ${ms} ms: ${what}`)), ms);
    const look = async (event) => {
      const found = await check(event);
      if (found) finish(resolve, found);
    };
    const finish = (settle, value) => {
      clearTimeout(timer);
      for (const name of events) emitter.removeEventListener(name, look);
      settle(value);
    };
    for (const name of events) emitter.addEventListener(name, look);
    look();
  });
}

export { multiaddr, roundTrip };
