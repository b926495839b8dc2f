// How fast a stream is, against a raw data channel and against js-libp2p between the same two pages, in one run.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { endings, jsInNode, jsInPage, openWorld, ours, rawInPage } from "./lib/world.mjs";

const BYTES = 20_000_000;
const ROUNDS = 5;

describe("throughput between two pages", () => {
  const atEnd = endings(after);
  const senders = {};

  before(async () => {
    const world = await openWorld(atEnd);
    const relayNode = await jsInNode(atEnd, { listen: ["/ip4/127.0.0.1/tcp/0/ws"], relay: true });
    const [relay] = await relayNode.addresses("/ws");

    const [offers, answers] = [await rawInPage(world), await rawInPage(world)];
    await offers.call("accept", await answers.call("answer", await offers.call("offer")));
    senders.raw = () => offers.timed("send", BYTES);

    const js = { listen: [`${relay}/p2p-circuit`, "/webrtc"] };
    const [jsFrom, jsTo] = [await jsInPage(world), await jsInPage(world, js)];
    await jsFrom.dial(await jsTo.listenAt(relay));
    senders["js-libp2p"] = () => jsFrom.timed("sink", jsTo.peerId, BYTES);

    for (const place of ["in a window", "in a worker", "in a worker, pumped"]) {
      const [from, to] = [await ours(world, place), await ours(world, place)];
      await from.dial(await to.listenAt(relay));
      senders[`ours ${place}`] = () => from.timed("sink", to.peerId, BYTES);
    }
  });

  test("a stream is not far from a raw data channel", async (t) => {
    const best = {};
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [name, send] of Object.entries(senders)) best[name] = Math.min(best[name] ?? Infinity, await send());
    }
    for (const [name, ms] of Object.entries(best)) t.diagnostic(`${name}: ${(BYTES / ms / 1000).toFixed(1)} MB/s`);
    // Far below what is measured on a quiet machine (README), so that only a real loss fails.
    assert.ok(best["ours in a worker"] < best.raw / 0.6);
  });
});
