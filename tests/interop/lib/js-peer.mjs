// A js-libp2p peer, as its users put one together: in Node and in pages alike.
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { circuitRelayTransport } from "@libp2p/circuit-relay-v2";
import { gossipsub } from "@libp2p/gossipsub";
import { identify } from "@libp2p/identify";
import { kadDHT, passthroughMapper } from "@libp2p/kad-dht";
import { ping } from "@libp2p/ping";
import { createLibp2p } from "libp2p";

export const ECHO = "/avatar/test/echo/1.0.0";

/** A peer that dials by `transports`; with `relay` (an address) it can be reached over that relay too. `seen` is called with what its echo gets. */
export async function createPeer({ transports, relay, kademlia, seen }) {
  const peer = await createLibp2p({
    addresses: { listen: relay ? [`${relay}/p2p-circuit`] : [] },
    transports: [...transports, circuitRelayTransport()],
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
  const back = new Uint8Array(data.length);
  let length = 0;
  const received = (async () => {
    for await (const part of stream) {
      back.set(part.subarray(), length);
      length += part.byteLength;
    }
  })();
  received.catch(() => {});
  for (let at = 0; at < data.length; at += chunk) {
    if (stream.status !== "open") break;
    if (!stream.send(data.subarray(at, at + chunk))) await Promise.race([stream.onDrain(), received]);
  }
  await stream.close();
  await received;
  return back.subarray(0, length);
}
