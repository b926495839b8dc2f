// Every host of this repository that reaches peers passes every check of avatar_p2p that it does not skip for a reason; and hosts reach each other.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { addressFor, startRelay } from "../../interop/lib/relay.mjs";
import { build, CONFORMANCE_WASM } from "../build.mjs";
import { Adapter } from "../kit/adapter.mjs";
import { HOSTS, skipReason } from "../kit/hosts.mjs";
import { P2P_CHECKS } from "../kit/p2p-checks.mjs";
import { P2pHost, STATUS, same } from "../kit/p2p-host.mjs";
import { PROTOCOLS, startPeer } from "../kit/p2p-peer.mjs";
import { runChecks } from "../kit/runner.mjs";
import { Session } from "../kit/session.mjs";

await build();

for (const host of HOSTS.filter(({ peers }) => peers)) {
  test(host.title, { skip: skipReason(host) }, async (context) => {
    host.prepare?.();
    const results = new Map();
    await runChecks(host.command, { claims: host.claims, checks: P2P_CHECKS, report: (result) => results.set(result.check, result) });
    for (const check of P2P_CHECKS) {
      await context.test(`${check.cites.join(", ")}: ${check.name}`, (inner) => {
        const { state, words } = results.get(check);
        if (state === "skipped") return inner.skip(words);
        assert.equal(state, "passed", words);
      });
    }
  });
}

const chromium = HOSTS.find(({ name }) => name === "chromium");

/** Two browsers, and a relay of js-libp2p between them. */
async function withBrowsers(run) {
  const relay = await startPeer({ relay: true });
  const adapters = [0, 1].map(() => new Adapter(chromium.command));
  try {
    const hosts = adapters.map(async (adapter) => {
      const session = new Session(adapter, CONFORMANCE_WASM, undefined, []);
      await session.start();
      return new P2pHost(session);
    });
    await run(...(await Promise.all(hosts)), relay);
  } finally {
    await Promise.all(adapters.map((adapter) => adapter.close()));
    await relay.stop();
  }
}

/** What one sends the other comes back. */
async function echo(one, other, id) {
  await other.done("acceptProtocol", PROTOCOLS.GUEST);
  const stream = await one.open({ id }, PROTOCOLS.GUEST);
  const inbound = await other.inbound();
  const served = other.session.pass(`p2p-serve ${inbound.stream}`);
  await one.stream("p2p-echo", stream, 1_000_000);
  await served;
}

/** The next such event of a connection that is relayed, or is not. What was not told open is not told closed. */
const told = (name, relayed) => (host) => host.event((event) => event.case === name && event.value.relayed === relayed);

test("two browsers that know a relay of js-libp2p reach each other over it", { skip: skipReason(chromium) }, () =>
  withBrowsers(async (one, other, relay) => {
    const { peers } = await other.done("listen", { addresses: relay.addresses.map((address) => `${address}/p2p-circuit`) });
    const { peer: id, addresses } = peers[0];
    assert.ok(addresses[0].includes("/p2p-circuit"), addresses[0]);
    await one.connect({ id, addresses });
    const [opened] = await Promise.all([one, other].map(told("opened", true)));
    assert.ok(same(opened.peer, id), opened.address);
    await echo(one, other, id);
    await relay.stop();
    await Promise.all([one, other].map(told("closed", true)));
  }),
);

test("two browsers go on over WebRTC when their relay is gone", { skip: skipReason(chromium) }, () =>
  withBrowsers(async (one, other, relay) => {
    const [address] = relay.addresses.filter((each) => each.includes("/ws"));
    await other.done("listen", { addresses: ["/webrtc", `${address}/p2p-circuit`] });
    const { peer: id } = await other.local();
    await one.connect({ id, addresses: [`${address}/p2p-circuit/webrtc`] });
    const opened = await one.event((event) => event.case === "opened" && event.value.address.includes("/webrtc"));
    assert.ok(!opened.relayed && same(opened.peer, id), opened.address);
    await relay.stop();
    await one.event((event) => event.case === "closed" && !event.value.address.includes("/webrtc"));
    await echo(one, other, id);
  }),
);

test("gossip passes between a browser and js-libp2p, both ways", { skip: skipReason(chromium) }, async () => {
  const peer = await startPeer({ gossip: true });
  const adapter = new Adapter(chromium.command);
  try {
    const session = new Session(adapter, CONFORMANCE_WASM, undefined, []);
    await session.start();
    const host = new P2pHost(session);
    const { peer: own } = await host.local();
    const { gossip } = peer.node.services;
    const topic = "conformance";
    gossip.subscribe(topic);
    await host.done("subscribe", { topic });
    const known = new Promise((resolve) => gossip.addEventListener("subscription-change", ({ detail }) => detail.subscriptions.some((each) => each.topic === topic && each.subscribe) && resolve(), { passive: true }));
    await host.connect(peer);
    await known;

    const heard = new Promise((resolve) => gossip.addEventListener("message", ({ detail }) => resolve(detail)));
    // That the peer is subscribed comes to be known a moment after the connection.
    while ((await host.command("publish", { topic, data: Buffer.from("from the browser") })).status === STATUS.NOT_FOUND);
    const { from, data } = await heard;
    assert.equal(Buffer.from(data).toString(), "from the browser");
    assert.ok(same(from.toMultihash().bytes, own), "it names its author");

    await gossip.publish(topic, Buffer.from("from js"));
    const message = await host.event((event) => event.case === "message");
    assert.equal(Buffer.from(message.data).toString(), "from js");
    assert.ok(same(message.source, peer.id));
    assert.equal(message.topic, topic);
  } finally {
    await adapter.close();
    await peer.stop();
  }
});

const native = HOSTS.find(({ name }) => name === "native");

for (const transport of ["webtransport", "ws"]) {
  test(`two browsers meet at avatar relay by ${transport}: one advertises a key, the other finds it, dials and is answered`, { skip: skipReason(chromium) }, async (context) => {
    native.prepare();
    const relay = await startRelay(context);
    const address = addressFor(relay, transport);
    await withBrowsers(async (one, other) => {
      const key = randomBytes(32);
      await other.done("listen", { addresses: [`${address}/p2p-circuit`] });
      const reached = await other.event((event) => event.case === "opened");
      assert.ok(reached.address.includes(transport), reached.address);
      await other.done("advertise", { key, ttlS: 7_200, at: reached.peer });

      const { peers: answered } = await one.done("dial", { addresses: [address] });
      const { peers: found } = await one.done("find", { key, at: answered[0].peer });
      assert.equal(found.length, 1);
      await one.connect({ id: found[0].peer, addresses: found[0].addresses });
      await echo(one, other, found[0].peer);
    });
  });
}
