// /webrtc: browsers connected with each other through a relay of js-libp2p, which carries the signalling alone.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { endings, jsInNode, jsInPage, openWorld, ours } from "./lib/world.mjs";

const MB = 1_000_000;

const PAIRS = {
  "ours in a window and ours in a worker": [(world) => ours(world, "in a window"), (world) => ours(world, "in a worker")],
  "ours in a worker, pumped, and ours in a worker": [(world) => ours(world, "in a worker, pumped"), (world) => ours(world, "in a worker")],
  "ours in a worker and js-libp2p in Chromium": [(world) => ours(world, "in a worker"), (world, relay) => jsInPage(world, { listen: [`${relay}/p2p-circuit`, "/webrtc"] })],
  "ours in a worker and js-libp2p in Node": [(world) => ours(world, "in a worker"), (world, relay, atEnd) => jsInNode(atEnd, { listen: [`${relay}/p2p-circuit`, "/webrtc"] })],
};

for (const [title, [startA, startB]] of Object.entries(PAIRS)) {
  for (const [dials, isDialled] of [["first", "second"], ["second", "first"]]) {
    describe(`/webrtc between ${title}: the ${dials} dials`, () => {
      const atEnd = endings(after);
      let a, b, address;

      before(async () => {
        const world = await openWorld(atEnd);
        const relayNode = await jsInNode(atEnd, { listen: ["/ip4/127.0.0.1/tcp/0/ws"], relay: true });
        const [relay] = await relayNode.addresses("/ws");
        const pair = { first: await startA(world, relay, atEnd), second: await startB(world, relay, atEnd) };
        [a, b] = [pair[dials], pair[isDialled]];
        address = await b.listenAt(relay);
      });

      test("it dials, and the connection is one over WebRTC", async () => {
        assert.equal(await a.dial(address), b.peerId);
        assert.ok((await a.paths(b.peerId)).some((path) => path.includes("/webrtc")));
      });

      // js-libp2p keeps those that it has dialled.
      if (dials === "first" || !title.includes("js-libp2p")) {
        test("the circuit that carried the signalling is closed", () => a.direct(b.peerId));
      }

      test("both ping", async () => {
        assert.ok((await a.ping(b.peerId)) < 1000);
        assert.ok((await b.ping(a.peerId)) < 1000);
      });

      test("10 MB are echoed to either, each half closed as it ends", async () => {
        await a.echo(b.peerId, 10 * MB);
        await b.echo(a.peerId, 10 * MB);
      });

      test("10 MB arrive at either before the answer comes on the other half", async () => {
        assert.equal(await a.sink(b.peerId, 10 * MB), 10 * MB);
        assert.equal(await b.sink(a.peerId, 10 * MB), 10 * MB);
      });
    });
  }
}
