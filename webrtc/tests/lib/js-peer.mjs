// A js-libp2p node, as its users put one together: in Node, and bundled for a page.
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { circuitRelayServer, circuitRelayTransport } from "@libp2p/circuit-relay-v2";
import { identify } from "@libp2p/identify";
import { ping } from "@libp2p/ping";
import { webRTC, webRTCDirect } from "@libp2p/webrtc";
import { webSockets } from "@libp2p/websockets";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { DEAF, ECHO, PROTOCOLS, SINK, drain, writePattern } from "./protocols.mjs";

/** With its default of 2 MiB in the queue Chromium's SCTP may stand still for longer than js-libp2p waits for the end of a stream. */
const dataChannel = { maxBufferedAmount: 256 * 1024, finAckTimeout: 60_000 };

/**
 * Starts a node. `listen`: its addresses; `relay`: whether it relays for others.
 * @returns {Promise<JsPeer>}
 */
export async function startJsPeer({ listen = [], relay = false } = {}) {
  const node = await createLibp2p({
    addresses: { listen },
    transports: [webSockets(), webRTCDirect({ dataChannel }), webRTC({ dataChannel, rtcConfiguration: { iceServers: [] } }), circuitRelayTransport()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    // Browsers' defaults refuse loopback.
    connectionGater: { denyDialMultiaddr: () => false },
    // What no test dials is not dialled.
    connectionManager: { reconnectRetries: 0 },
    services: {
      identify: identify(),
      ping: ping(),
      ...(relay && { relay: circuitRelayServer({ reservations: { applyDefaultLimit: false } }) }),
    },
  });
  for (const [protocol, serve] of Object.entries(PROTOCOLS)) {
    await node.handle(protocol, (stream) => serve(stream).catch((error) => stream.abort(error)), { runOnLimitedConnection: true });
  }
  return new JsPeer(node);
}

class JsPeer {
  constructor(node) {
    this.node = node;
    this.peerId = node.peerId.toString();
  }

  /** Its address over WebRTC, once the relay that it listens at has accepted it. */
  async listenAt() {
    return (await this.addresses("/webrtc/"))[0];
  }

  /** The addresses that hold `part`, once there are any. */
  async addresses(part) {
    const found = () => this.node.getMultiaddrs().map(String).filter((address) => address.includes(part));
    while (found().length === 0) await new Promise((resolve) => this.node.addEventListener("self:peer:update", resolve, { once: true }));
    return found();
  }

  /** In Node the WebRTC below js-libp2p now and then closes a connection of its own at the moment it takes the answer, so a dial may be tried again. */
  async dial(address, { attempts = "process" in globalThis ? 3 : 1 } = {}) {
    try {
      const connection = await this.node.dial(multiaddr(address));
      return connection.remotePeer.toString();
    } catch (error) {
      if (attempts === 1) throw error;
      return this.dial(address, { attempts: attempts - 1 });
    }
  }

  /** The round trip over WebRTC, in milliseconds. Not by its own service, which takes any connection. */
  async ping(peer) {
    const stream = await this.#open(peer, "/ipfs/ping/1.0.0");
    const start = performance.now();
    const back = new Promise((resolve) => stream.addEventListener("message", resolve, { once: true }));
    stream.send(crypto.getRandomValues(new Uint8Array(32)));
    await back;
    const milliseconds = performance.now() - start;
    await stream.close();
    return milliseconds;
  }

  paths(peer) {
    return this.#connections(peer).map((connection) => connection.remoteAddr.toString());
  }

  /** Resolves when the last connection with a peer has ended. */
  async closed(peer) {
    while (this.#connections(peer).length > 0) await new Promise((resolve) => this.node.addEventListener("connection:close", resolve, { once: true }));
  }

  async echo(peer, bytes) {
    const stream = await this.#open(peer, ECHO);
    const read = drain(stream, { check: true });
    read.catch(() => {});
    await writePattern(stream, bytes);
    await stream.close();
    const total = await read;
    if (total !== bytes) throw new Error(`${bytes} bytes were sent and ${total} came back`);
  }

  /** How many bytes have arrived. */
  async sink(peer, bytes) {
    const stream = await this.#open(peer, SINK);
    await writePattern(stream, bytes);
    const answer = [];
    const read = drain(stream, { keep: answer });
    await stream.close();
    await read;
    return Number(new DataView(Uint8Array.from(answer.flatMap((part) => [...part])).buffer).getBigUint64(0));
  }

  /** Sends to who never reads. The error that ends it. */
  async shout(peer, bytes) {
    const stream = await this.#open(peer, DEAF);
    const closed = new Promise((resolve) => stream.addEventListener("close", (event) => resolve(event.error?.name ?? "closed"), { once: true }));
    return Promise.race([closed, writePattern(stream, bytes).then(() => closed, (error) => error.name)]);
  }

  /**
   * Writes to an echo stream's data channel what no libp2p would: bytes (as numbers) or text. Resolves with what came of the stream: "closed" when the other side closed the channel.
   */
  async misbehave(peer, ...messages) {
    const stream = await this.#open(peer, ECHO);
    const closed = new Promise((resolve) => stream.channel.addEventListener("close", () => resolve("closed"), { once: true }));
    for (const message of messages) stream.channel.send(typeof message === "string" ? message : Uint8Array.from(message));
    return closed;
  }

  async stop() {
    await this.node.stop();
  }

  async #open(peer, protocol) {
    return this.#connection(peer).newStream(protocol, { runOnLimitedConnection: true });
  }

  #connections(peer) {
    return this.node.getConnections().filter((connection) => connection.remotePeer.toString() === peer && connection.status === "open");
  }

  /** One over WebRTC where there is one: others only carried its signalling. */
  #connection(peer) {
    const connections = this.#connections(peer);
    const found = connections.find((connection) => /\/webrtc/.test(connection.remoteAddr.toString())) ?? connections[0];
    if (!found) throw new Error(`no connection with ${peer}`);
    return found;
  }
}
