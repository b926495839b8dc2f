// The peer of the checks of avatar_p2p: js-libp2p from npm, over WebSocket and TCP on loopback.
import { EventEmitter, once } from "node:events";
import { WebSocket } from "ws";

// js-libp2p expects them of its platform, and Node 20 lacks them.
globalThis.WebSocket ??= WebSocket;
Promise.withResolvers ??= function withResolvers() {
  const parts = {};
  parts.promise = new this((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
};

/** What the peer serves. */
export const PROTOCOLS = {
  /** What comes goes back. */
  ECHO: "/conformance/echo/1",
  /** Never reads. */
  DEAF: "/conformance/deaf/1",
  /** Sends as much as is taken, and reads nothing. */
  SHOUT: "/conformance/shout/1",
  /** What guests serve. */
  GUEST: "/conformance/guest/1",
};

const PIECE = 64 * 1024;

async function echo(stream) {
  for await (const part of stream) if (!stream.send(part)) await stream.onDrain();
  await stream.close();
}

async function shout(stream) {
  for (let at = 0; stream.status === "open"; at += PIECE) {
    const bytes = Uint8Array.from({ length: PIECE }, (_, offset) => (at + offset) % 251);
    if (!stream.send(bytes)) await stream.onDrain();
  }
}

/** A node that listens on loopback. `relay`: it also relays for others; `gossip`: it also speaks gossipsub, as `node.services.gossip`. */
export async function startPeer({ relay = false, gossip = false } = {}) {
  // Loaded only where a host has peers: it takes a second.
  const [{ createLibp2p }, { noise }, { yamux }, { webSockets }, { tcp }, { identify }, { ping }, { circuitRelayServer }, { gossipsub }] = await Promise.all(
    ["libp2p", "@chainsafe/libp2p-noise", "@chainsafe/libp2p-yamux", "@libp2p/websockets", "@libp2p/tcp", "@libp2p/identify", "@libp2p/ping", "@libp2p/circuit-relay-v2", "@libp2p/gossipsub"].map((name) => import(name)),
  );
  const node = await createLibp2p({
    addresses: { listen: ["/ip4/127.0.0.1/tcp/0/ws", "/ip4/127.0.0.1/tcp/0"] },
    transports: [webSockets(), tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    connectionManager: { reconnectRetries: 0 },
    services: { identify: identify(), ping: ping(), ...(gossip && { gossip: gossipsub() }), ...(relay && { relay: circuitRelayServer({ reservations: { applyDefaultLimit: false } }) }) },
  });
  return Peer.of(node);
}

/** The other end of a host. */
export class Peer {
  #events = new EventEmitter();
  /** The streams that hosts have opened and that have ended, as `{protocol, error}`. */
  ended = [];

  constructor(node) {
    this.node = node;
  }

  static async of(node) {
    const peer = new Peer(node);
    const serve = async (protocol, act) => {
      const handle = (stream) => {
        stream.addEventListener("close", ({ error }) => {
          peer.ended.push({ protocol, error });
          peer.#events.emit("ended");
        });
        act(stream).catch((error) => stream.abort(error));
      };
      await node.handle(protocol, handle, { runOnLimitedConnection: true });
    };
    await serve(PROTOCOLS.ECHO, echo);
    await serve(PROTOCOLS.DEAF, async (stream) => stream.pause());
    await serve(PROTOCOLS.SHOUT, shout);
    return peer;
  }

  /** The multihash of its peer id. */
  get id() {
    return this.node.peerId.toMultihash().bytes;
  }

  /** Its addresses, each with its peer id. */
  get addresses() {
    return this.node.getMultiaddrs().map(String);
  }

  /** The connections with a host, known by its multihash. */
  connections(host) {
    return this.node.getConnections().filter(({ remotePeer, status }) => status === "open" && Buffer.from(remotePeer.toMultihash().bytes).equals(Buffer.from(host)));
  }

  /** A stream to a host that is connected. */
  async open(host, protocol) {
    return this.connections(host)[0].newStream(protocol, { runOnLimitedConnection: true });
  }

  /** Waits until a stream of this protocol, opened by a host, has ended. */
  async streamEnded(protocol) {
    for (;;) {
      const at = this.ended.findIndex((ended) => ended.protocol === protocol);
      if (at >= 0) return this.ended.splice(at, 1)[0];
      await once(this.#events, "ended");
    }
  }

  async stop() {
    await this.node.stop();
  }
}
