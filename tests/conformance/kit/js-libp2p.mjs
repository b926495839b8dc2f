// js-libp2p from npm, as the kit uses it: over WebSocket and TCP on loopback. Loaded only where there are peers: it takes a second.
import { WebSocket } from "ws";

// js-libp2p expects them of its platform, and Node 20 lacks them.
globalThis.WebSocket ??= WebSocket;
Promise.withResolvers ??= function withResolvers() {
  const parts = {};
  parts.promise = new this((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
};

/** A node that runs. `listen`: it can be dialled; `relay`: it also relays for others; `gossip`: it also speaks gossipsub, as `node.services.gossip`. */
export async function startNode({ privateKey, listen = false, relay = false, gossip = false }) {
  const [{ createLibp2p }, { noise }, { yamux }, { webSockets }, { tcp }, { identify }, { ping }, { circuitRelayServer }, { gossipsub }] = await Promise.all(
    ["libp2p", "@chainsafe/libp2p-noise", "@chainsafe/libp2p-yamux", "@libp2p/websockets", "@libp2p/tcp", "@libp2p/identify", "@libp2p/ping", "@libp2p/circuit-relay-v2", "@libp2p/gossipsub"].map((name) => import(name)),
  );
  return createLibp2p({
    ...(privateKey && { privateKey }),
    addresses: { listen: listen ? ["/ip4/127.0.0.1/tcp/0/ws", "/ip4/127.0.0.1/tcp/0"] : [] },
    transports: [webSockets(), tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    connectionManager: { reconnectRetries: 0 },
    services: { identify: identify(), ping: ping(), ...(gossip && { gossip: gossipsub() }), ...(relay && { relay: circuitRelayServer({ reservations: { applyDefaultLimit: false } }) }) },
  });
}
