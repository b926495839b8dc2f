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
import { PROTOCOLS, pattern, roundTrip, startPeer } from "../kit/p2p-peer.mjs";
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

const named = (wanted) => HOSTS.find(({ name }) => name === wanted);
const [chromium, native] = ["chromium", "native"].map(named);
/** The skip of a test of these hosts. */
const skip = (...hosts) => hosts.map(skipReason).find(Boolean) ?? false;

/** These hosts, each in an adapter of its own, with the guest of the kit. */
async function withHosts(hosts, run) {
  for (const host of hosts) host.prepare?.();
  const adapters = hosts.map(({ command }) => new Adapter(command));
  try {
    const started = adapters.map(async (adapter) => {
      const session = new Session(adapter, CONFORMANCE_WASM, undefined, []);
      await session.start();
      return new P2pHost(session);
    });
    await run(...(await Promise.all(started)));
  } finally {
    await Promise.all(adapters.map((adapter) => adapter.close()));
  }
}

/** The same, with a peer of js-libp2p beside them. */
async function withPeer(options, hosts, run) {
  const peer = await startPeer(options);
  try {
    await withHosts(hosts, (...started) => run(...started, peer));
  } finally {
    await peer.stop();
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

for (const host of [chromium, native]) {
  test(`two of ${host.title} that know a relay of js-libp2p reach each other over it`, { skip: skip(host) }, () =>
    withPeer({ relay: true }, [host, host], async (one, other, relay) => {
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

  test(`gossip passes between ${host.title} and js-libp2p, both ways`, { skip: skip(host) }, () =>
    withPeer({ gossip: true }, [host], async (one, peer) => {
      const { peer: own } = await one.local();
      const { gossip } = peer.node.services;
      const topic = "conformance";
      gossip.subscribe(topic);
      await one.done("subscribe", { topic });
      await one.connect(peer);
      await peer.subscribed(topic);

      const heard = new Promise((resolve) => gossip.addEventListener("message", ({ detail }) => resolve(detail)));
      // That the peer is subscribed comes to be known a moment after the connection.
      while ((await one.command("publish", { topic, data: Buffer.from("from the host") })).status === STATUS.NOT_FOUND);
      const { from, data } = await heard;
      assert.equal(Buffer.from(data).toString(), "from the host");
      assert.ok(same(from.toMultihash().bytes, own), "it names its author");

      const message = one.event((event) => event.case === "message");
      await peer.greet(topic, message, () => Buffer.from("hello"));
      const { data: words, source, topic: of } = await message;
      assert.deepEqual([Buffer.from(words).toString(), of], ["hello", topic]);
      assert.ok(same(source, peer.id));
    }),
  );
}

test("two browsers go on over WebRTC when their relay is gone", { skip: skip(chromium) }, () =>
  withPeer({ relay: true }, [chromium, chromium], async (one, other, relay) => {
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

for (const [title, hosts, transport] of [
  ["two browsers", [chromium, chromium], "webtransport"],
  ["two browsers", [chromium, chromium], "ws"],
  ["two of avatar-native", [native, native], "quic"],
  ["two of avatar-native", [native, native], "tcp"],
  ["a browser and avatar-native", [chromium, native], "ws"],
]) {
  test(`${title} meet at avatar relay by ${transport}: one advertises a key, the other finds it, dials and is answered`, { skip: skip(...hosts) }, async (context) => {
    native.prepare();
    const relay = await startRelay(context);
    const address = addressFor(relay, transport);
    await withHosts(hosts, async (one, other) => {
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

test("two of avatar-native that met at a relay reach each other directly, and go on when it is gone", { skip: skip(native) }, async (context) => {
  native.prepare();
  const relay = await startRelay(context);
  const address = addressFor(relay, "tcp");
  await withHosts([native, native], async (one, other) => {
    for (const host of [one, other]) await host.done("listen", { addresses: ["/ip4/127.0.0.1/tcp/0"] });
    const { peers } = await other.done("listen", { addresses: [`${address}/p2p-circuit`] });
    const id = peers[0].peer;
    await one.connect({ id, addresses: peers[0].addresses });
    const direct = await one.event((event) => event.case === "opened" && same(event.value.peer, id) && !event.value.relayed);
    assert.ok(!direct.address.includes("/p2p-circuit"), direct.address);
    await relay.stop();
    await told("closed", true)(one);
    await echo(one, other, id);
  });
});

for (const { transport, listen, dials, ends } of [
  { transport: "tcp", listen: "/ip4/127.0.0.1/tcp/0", dials: native, ends: ["reset"] },
  { transport: "ws", listen: "/ip4/127.0.0.1/tcp/0/ws", dials: chromium, ends: ["reset"] },
  // libp2p-quic has no reset: who drops a stream ends it and asks the other to stop, and which comes first is chance.
  { transport: "quic-v1", listen: "/ip4/127.0.0.1/udp/0/quic-v1", dials: native, ends: ["reset", "fin"] },
]) {
  test(`avatar-native that listens by ${transport} is dialled by ${dials.title}: streams go both ways, and a reset is told as ${ends.join(" or ")}`, { skip: skip(dials, native) }, () =>
    withHosts([dials, native], async (one, other) => {
      const { peers } = await other.done("listen", { addresses: [listen] });
      const [{ peer: id, addresses }] = peers;
      const { peer: dialler } = await one.local();
      await one.connect({ id, addresses });
      const opened = await told("opened", false)(one);
      assert.ok(opened.address.includes(`/${transport}`), opened.address);
      await echo(one, other, id);
      await echo(other, one, dialler);

      const stream = await one.open({ id }, PROTOCOLS.GUEST);
      const { stream: number } = await other.inbound();
      const end = other.stream("p2p-end", number);
      await one.session.pass(`p2p-reset ${stream}`);
      assert.ok(ends.includes(await end));
    }),
  );
}

for (const [transport, wanted] of [["TCP", /\/tcp\/\d+\/p2p\//], ["WebSocket", /\/ws\/p2p\//]]) {
  test(`avatar-native and js-libp2p in Node over ${transport}: what each sends the other comes back`, { skip: skip(native) }, () =>
    withPeer({}, [native], async (host, peer) => {
      const { peer: own } = await host.local();
      await host.connect({ id: peer.id, addresses: peer.addresses.filter((address) => wanted.test(address)) });
      await host.stream("p2p-echo", await host.open(peer, PROTOCOLS.ECHO), 1_000_000);

      await host.done("acceptProtocol", PROTOCOLS.GUEST);
      const stream = await peer.open(own, PROTOCOLS.GUEST);
      const { stream: number } = await host.inbound();
      const served = host.session.pass(`p2p-serve ${number}`);
      const sent = pattern(1_000_000);
      assert.ok(same(await roundTrip(stream, sent), sent), "other bytes came back than were sent");
      await served;
    }),
  );
}
