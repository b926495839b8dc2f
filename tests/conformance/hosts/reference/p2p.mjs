// avatar_p2p (p2p.proto, H24 to H29) over js-libp2p. It outlives the instances that use it; what is theirs ends with their session. This host is not dialled, and knows nobody who could be asked for a key.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { P2pCommandSchema, P2pInboundSchema, P2pResultSchema } from "../../../../pkg/dist/gen/dao/avatar/v1/p2p_pb.js";
import { startNode } from "../../kit/js-libp2p.mjs";
import { OpErrorCode, OpFailed, Refused, Status } from "./status.mjs";

const bytesWithin = (value, least, most) => value.length >= least && value.length <= most;
const isPeer = (peer) => bytesWithin(peer, 1, 64);
const isMaybePeer = (peer) => bytesWithin(peer, 0, 64);
const isName = (name) => bytesWithin(Buffer.from(name), 1, 256);
const isKey = (key) => bytesWithin(key, 1, 64);
const areAddresses = (addresses) => bytesWithin(addresses, 0, 64) && addresses.every((address) => bytesWithin(Buffer.from(address), 1, 1_024));

const notFound = (words) => new OpFailed(Status.NOT_FOUND, OpErrorCode.NOT_FOUND, words);
const unsupported = (words) => new OpFailed(Status.UNSUPPORTED, OpErrorCode.UNSUPPORTED, words);

export class P2p {
  accepted = new Set();
  topics = new Set();
  numbers = new Map();

  /** `key` is the transport key of a host before it. */
  constructor(key) {
    this.key = key;
  }

  // ---- the node

  /** Started when the first command comes. */
  node() {
    return (this.started ??= this.start());
  }

  async start() {
    this.key ??= await this.newKey();
    const node = await startNode({ privateKey: this.key, gossip: true });
    node.addEventListener("connection:open", ({ detail }) => this.session?.events.opened(this.describe(detail)));
    node.addEventListener("connection:close", ({ detail }) => this.session?.events.closed({ ...this.describe(detail), reason: "closed" }));
    node.services.gossip.addEventListener("message", ({ detail: { topic, from, data } }) => from && this.session?.events.gossip({ topic, source: multihash(from), data }));
    this.running = node;
    this.begin();
    return node;
  }

  async newKey() {
    const { generateKeyPair } = await import("@libp2p/crypto/keys");
    return generateKeyPair("Ed25519");
  }

  async stop() {
    await (await this.started)?.stop();
  }

  describe(connection) {
    if (!this.numbers.has(connection.id)) this.numbers.set(connection.id, BigInt(this.numbers.size + 1));
    return {
      connection: this.numbers.get(connection.id),
      peer: multihash(connection.remotePeer),
      address: connection.remoteAddr.toString(),
      relayed: connection.limits !== undefined,
      dialled: connection.direction === "outbound",
    };
  }

  // ---- instances

  /** A new instance takes over. `session` has its events, and hears of streams: `inbound(stream, head)`. */
  attach(session) {
    this.session = session;
    if (this.running) this.begin();
  }

  /** What an instance is told first. */
  begin() {
    const { peerId: own } = this.running;
    this.session?.events.local({ peer: multihash(own), addresses: this.running.getMultiaddrs().map(String) });
    for (const connection of this.connections()) this.session?.events.opened(this.describe(connection));
  }

  connections() {
    return this.running.getConnections();
  }

  /** The instance is gone, with what it asked for (H29). What the next one asks for waits until then. */
  detach() {
    this.session = undefined;
    const protocols = this.forgotten();
    const topics = [...this.topics];
    this.ending = Promise.resolve(this.ending).then(async () => {
      const node = await this.started;
      for (const protocol of protocols) await node.unhandle(protocol);
      for (const topic of topics) this.unsubscribe(node, topic);
    });
  }

  /** The protocols that nobody accepts any more. */
  forgotten() {
    const protocols = [...this.accepted];
    this.accepted.clear();
    return protocols;
  }

  // ---- commands

  /** Reads a command, or refuses it (H24). */
  decode(bytes) {
    let command;
    try {
      ({ command } = fromBinary(P2pCommandSchema, bytes));
    } catch {
      throw new Refused(Status.INVALID);
    }
    if (!this.isWithinLimits(command)) throw new Refused(Status.INVALID);
    return command;
  }

  isWithinLimits({ case: what, value }) {
    if (what === "listen") return value.addresses.length > 0 && areAddresses(value.addresses);
    if (what === "dial") return isMaybePeer(value.peer) && areAddresses(value.addresses) && value.peer.length + value.addresses.length > 0;
    if (what === "openStream") return isPeer(value.peer) && bytesWithin(value.protocols, 1, 8) && value.protocols.every(isName) && value.stream % 2 === 1 && value.stream < 2 ** 31;
    if (what === "publish") return isName(value.topic) && value.data.length <= 64_512;
    if (what === "subscribe") return isName(value.topic);
    if (what === "advertise" || what === "find") return isKey(value.key) && isMaybePeer(value.at) && (value.limit ?? 0) <= 64;
    if (what === "acceptProtocol" || what === "refuseProtocol") return isName(value);
    if (what === "disconnect") return isPeer(value);
    return what === "nextEvents";
  }

  /** Whether a stream's number cannot be used, because it is in use. */
  minds(isInUse) {
    return isInUse;
  }

  /** Runs a command. Resolves with the head of its completion, and with the stream that it has opened. */
  async run({ case: what, value }, session) {
    await this.ending;
    const { stream, ...result } = (await this[what](await this.node(), value, session)) ?? {};
    return { head: toBinary(P2pResultSchema, create(P2pResultSchema, result)), stream };
  }

  /** Nobody waits for the command any more. Returns whether it ends by that. */
  cancel({ case: what }, session) {
    if (what === "nextEvents") session.events.forget();
    return true;
  }

  listen() {
    throw unsupported("this host is not dialled");
  }

  async dial(node, dial) {
    const peer = dial.peer.length > 0 ? await peerId(dial.peer) : undefined;
    const connection = await this.connect(node, peer, await this.targets(peer, dial.addresses), dial.anew);
    return { peers: [{ peer: this.answering(connection), addresses: [connection.remoteAddr.toString()] }] };
  }

  /** Addresses as js-libp2p dials them: with the peer that has to prove its key there. */
  async targets(peer, addresses) {
    const { multiaddr } = await import("@multiformats/multiaddr");
    const parse = (address) => {
      try {
        return [multiaddr(peer && !address.includes("/p2p/") ? `${address}/p2p/${peer}` : address)];
      } catch {
        return [];
      }
    };
    const targets = addresses.flatMap(parse);
    if (targets.length === 0 && addresses.length > 0) throw new OpFailed(Status.INVALID, OpErrorCode.INVALID, "none of the addresses is a multiaddr");
    return targets;
  }

  async connect(node, peer, targets, anew) {
    try {
      return await node.dial(targets.length > 0 ? targets : peer, { force: anew });
    } catch (error) {
      const [status, code] = error.name === "UnexpectedPeerError" ? [Status.DENIED, OpErrorCode.DENIED] : [Status.IO, OpErrorCode.NETWORK];
      throw new OpFailed(status, code, error.message);
    }
  }

  /** Who proved its key on a connection. */
  answering(connection) {
    return multihash(connection.remotePeer);
  }

  async disconnect(node, peer) {
    await node.hangUp(await peerId(peer));
  }

  async openStream(node, { peer, protocols, stream: number }) {
    const [connection] = node.getConnections(await peerId(peer)).filter(({ status }) => status === "open");
    if (!connection) throw notFound("there is no connection to this peer");
    try {
      const stream = await connection.newStream(protocols, { runOnLimitedConnection: true });
      return { protocol: stream.protocol, stream: { number, stream } };
    } catch (error) {
      if (error.name === "UnsupportedProtocolError") throw unsupported("the peer takes none of the protocols");
      throw new OpFailed(Status.IO, OpErrorCode.NETWORK, error.message);
    }
  }

  async acceptProtocol(node, protocol) {
    if (this.accepted.has(protocol)) return;
    this.accepted.add(protocol);
    await node.handle(protocol, (stream, connection) => this.take(protocol, stream, connection), { runOnLimitedConnection: true });
  }

  take(protocol, stream, connection) {
    if (!this.session || !this.accepted.has(protocol)) return stream.abort(new Error("nobody takes it any more"));
    const { connection: number, peer } = this.describe(connection);
    this.session.inbound(stream, this.head({ peer, protocol, connection: number }));
  }

  head(inbound) {
    return toBinary(P2pInboundSchema, create(P2pInboundSchema, inbound));
  }

  async refuseProtocol(node, protocol) {
    if (this.accepted.delete(protocol)) await node.unhandle(protocol);
  }

  nextEvents(node, _, session) {
    return session.events.next();
  }

  async publish(node, { topic, data }) {
    const { recipients } = await node.services.gossip.publish(topic, data).catch(() => ({ recipients: [] }));
    if (recipients.length === 0) throw notFound("no peer is subscribed to the topic");
  }

  subscribe(node, { topic, unsubscribe }) {
    if (unsubscribe) return void this.unsubscribe(node, topic);
    this.topics.add(topic);
    node.services.gossip.subscribe(topic);
  }

  unsubscribe(node, topic) {
    if (this.topics.delete(topic)) node.services.gossip.unsubscribe(topic);
  }

  advertise(node, { stop }) {
    if (!stop) throw notFound("there is nobody who could be told");
  }

  find() {
    throw notFound("there is nobody to ask");
  }
}

const multihash = (peer) => peer.toMultihash().bytes;

async function peerId(bytes) {
  const [{ peerIdFromMultihash }, Digest] = await Promise.all([import("@libp2p/peer-id"), import("multiformats/hashes/digest")]);
  try {
    return peerIdFromMultihash(Digest.decode(bytes));
  } catch {
    throw new OpFailed(Status.INVALID, OpErrorCode.INVALID, "not a peer id");
  }
}
