// A js-libp2p peer, as its users put one together.
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { circuitRelayTransport } from "@libp2p/circuit-relay-v2";
import { gossipsub } from "@libp2p/gossipsub";
import { identify } from "@libp2p/identify";
import { kadDHT, passthroughMapper } from "@libp2p/kad-dht";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { webRTCDirect } from "@libp2p/webrtc";
import { webSockets } from "@libp2p/websockets";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { WebSocket } from "ws";

// What js-libp2p expects of its platform, and Node 20 lacks.
globalThis.WebSocket ??= WebSocket;
Promise.withResolvers ??= function withResolvers() {
  const parts = {};
  parts.promise = new this((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
};

const TRANSPORTS = { ws: webSockets, "webrtc-direct": webRTCDirect, tcp };

export const ECHO = "/avatar/test/echo/1.0.0";

/** Starts a peer that dials by `transport`; with `relay` (an address) it can be reached over that relay too. Stopped after the test `t`. */
export async function startPeer(t, { transport, relay, kademlia, seen } = {}) {
  const peer = await createLibp2p({
    addresses: { listen: relay ? [`${relay}/p2p-circuit`] : [] },
    transports: [TRANSPORTS[transport](), circuitRelayTransport()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    // What is not dialled by the test is not dialled.
    connectionManager: { reconnectRetries: 0 },
    services: {
      identify: identify(),
      ping: ping(),
      gossip: gossipsub({ allowPublishToZeroTopicPeers: true }),
      ...(kademlia && { dht: kadDHT({ protocol: kademlia, clientMode: true, peerInfoMapper: passthroughMapper, logPrefix: "dht" }) }),
    },
  });
  t.after(() => peer.stop());
  await peer.handle(ECHO, echo(seen), { runOnLimitedConnection: true });
  return peer;
}

/** Sends back what comes, until the other end closes. */
function echo(seen) {
  return async (stream) => {
    try {
      for await (const chunk of stream) {
        seen?.(chunk);
        if (!stream.send(chunk.subarray())) await stream.onDrain();
      }
      await stream.close();
    } catch (error) {
      stream.abort(error);
    }
  };
}

/** Sends `data` over a new echo stream of the connection and resolves with what comes back, when the other end has closed too. */
export async function roundTrip(connection, data, { chunk = 64 * 1024 } = {}) {
  const stream = await connection.newStream(ECHO, { runOnLimitedConnection: true });
  const parts = [];
  const received = (async () => {
    for await (const part of stream) parts.push(part.subarray());
  })();
  received.catch(() => {});
  for (let at = 0; at < data.length; at += chunk) {
    if (stream.status !== "open") break;
    if (!stream.send(data.subarray(at, at + chunk))) await Promise.race([stream.onDrain(), received]);
  }
  await stream.close();
  await received;
  return Buffer.concat(parts);
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

export { multiaddr };
