// webrtc-direct: our node in a browser dials js-libp2p in Node.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { PLACES, endings, jsInNode, openWorld, ours } from "./lib/world.mjs";

const MB = 1_000_000;

for (const place of Object.keys(PLACES)) {
  describe(`webrtc-direct, our node ${place}`, () => {
    const atEnd = endings(after);
    let server, address, peer;

    before(async () => {
      const world = await openWorld(atEnd);
      server = await jsInNode(atEnd, { listen: ["/ip4/127.0.0.1/udp/0/webrtc-direct"] });
      [address] = await server.addresses("/webrtc-direct");
      peer = await ours(world, place);
    });

    test("it dials and knows who answered", async () => {
      assert.equal(await peer.dial(address), server.peerId);
    });

    test("both ping", async () => {
      assert.ok((await peer.ping(server.peerId)) < 1000);
      assert.ok((await server.ping(peer.peerId)) < 1000);
    });

    test("10 MB are echoed to either, each half closed as it ends", async () => {
      await peer.echo(server.peerId, 10 * MB);
      await server.echo(peer.peerId, 10 * MB);
    });

    test("10 MB arrive at either before the answer comes on the other half", async () => {
      assert.equal(await peer.sink(server.peerId, 10 * MB), 10 * MB);
      assert.equal(await server.sink(peer.peerId, 10 * MB), 10 * MB);
    });

    test("many streams at once, of either", async () => {
      await Promise.all(Array.from({ length: 100 }, () => peer.echo(server.peerId, 1000)));
      await Promise.all(Array.from({ length: 50 }, () => server.echo(peer.peerId, 1000)));
    });
  });
}

describe("webrtc-direct, what an address promises", () => {
  const atEnd = endings(after);
  let server, address;

  before(async () => {
    server = await jsInNode(atEnd, { listen: ["/ip4/127.0.0.1/udp/0/webrtc-direct"] });
    [address] = await server.addresses("/webrtc-direct");
  });

  test("a peer that is not the one of the address is refused", async () => {
    const world = await openWorld(atEnd);
    const peer = await ours(world, "in a window");
    const other = address.replace(server.peerId, peer.peerId.replace(/.{4}$/, "zzzz"));
    await assert.rejects(peer.dial(other));
    const stranger = address.replace(server.peerId, "12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5");
    await assert.rejects(peer.dial(stranger), /WrongPeer/);
  });

  test("a server with another certificate than the one of the address is refused", async () => {
    const world = await openWorld(atEnd);
    const peer = await ours(world, "in a window");
    const other = await jsInNode(atEnd, { listen: ["/ip4/127.0.0.1/udp/0/webrtc-direct"] });
    const [elsewhere] = await other.addresses("/webrtc-direct");
    const hash = /certhash\/[^/]+/;
    await assert.rejects(peer.dial(address.replace(hash, hash.exec(elsewhere)[0])), /Ended|Noise/);
  });
});
