// The peer of the checks of avatar_p2p: js-libp2p (js-libp2p.mjs), and what it serves.
import { EventEmitter, once } from "node:events";
import { PATIENCE_MS } from "./adapter.mjs";
import { startNode } from "./js-libp2p.mjs";

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

/** So many bytes as guests expect them. */
export function pattern(length, from = 0) {
  return Uint8Array.from({ length }, (_, at) => (from + at) % 251);
}

/** Sends, and waits until more can be sent: `onDrain` of js-libp2p waits for the first time alone. */
async function send(stream, bytes) {
  if (stream.send(bytes) || !stream.writableNeedsDrain) return;
  await new Promise((resolve) => ["drain", "close"].forEach((name) => stream.addEventListener(name, resolve, { once: true })));
}

async function echo(stream) {
  for await (const part of stream) await send(stream, part);
  await stream.close();
}

async function shout(stream) {
  for (let at = 0; stream.status === "open"; at += PIECE) await send(stream, pattern(PIECE, at));
}

/** Sends all of it, finishes, and resolves with what comes back. */
export async function roundTrip(stream, bytes) {
  const back = readAll(stream);
  for (let at = 0; at < bytes.length; at += PIECE) await send(stream, bytes.subarray(at, at + PIECE));
  await stream.close();
  return back;
}

async function readAll(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part.subarray());
  return Buffer.concat(parts);
}

/** A node that listens on loopback. `relay`: it also relays for others; `gossip`: it also speaks gossipsub, as `node.services.gossip`. */
export async function startPeer(options) {
  return Peer.of(await startNode({ ...options, listen: true }));
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

  /** Waits until there is no connection with a host. */
  async disconnected(host) {
    await this.#until(this.node, "connection:close", () => this.connections(host).length === 0);
  }

  /** Waits until a host subscribes to this topic. */
  async subscribed(topic) {
    const { gossip } = this.node.services;
    await this.#until(gossip, "subscription-change", () => gossip.getSubscribers(topic).length > 0);
  }

  /** Publishes `words(0)`, `words(1)` and so on to this topic until one has arrived, and says how many: what is published before the stream for it is open goes nowhere. */
  async greet(topic, arrived, words) {
    const { gossip } = this.node.services;
    let due = true;
    let count = 0;
    const done = arrived.then(() => (due = false));
    while (due) {
      await gossip.publish(topic, words(count), { allowPublishToZeroTopicPeers: true });
      count += 1;
      await Promise.race([done, once(gossip, "gossipsub:heartbeat")]);
    }
    return count;
  }

  /** Waits until all gossip has left. */
  async sent() {
    const streams = this.node.getConnections().flatMap(({ streams }) => streams.filter(({ protocol, direction }) => protocol.startsWith("/meshsub/") && direction === "outbound"));
    await Promise.all(streams.map((stream) => this.#until(stream, "idle", () => stream.writeBufferLength === 0)));
  }

  async #until(target, event, isSo) {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    while (!isSo()) await once(target, event, { signal });
  }

  /** A stream to a host that is connected. */
  async open(host, protocol) {
    return this.connections(host)[0].newStream(protocol, { runOnLimitedConnection: true });
  }

  /** Waits until a stream of this protocol, opened by a host, has ended. */
  async streamEnded(protocol) {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    for (;;) {
      const at = this.ended.findIndex((ended) => ended.protocol === protocol);
      if (at >= 0) return this.ended.splice(at, 1)[0];
      await once(this.#events, "ended", { signal });
    }
  }

  async stop() {
    await this.node.stop();
  }
}
