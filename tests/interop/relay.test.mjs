// Our relay, in a process of its own, with js-libp2p.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { CID } from "multiformats/cid";
import { sha256 } from "multiformats/hashes/sha2";
import { circuitAddress, multiaddr, roundTrip, startPeer, until } from "./lib/peer.mjs";
import { addressFor, folder, metric, startRelay } from "./lib/relay.mjs";

const TRANSPORTS = ["ws", "webrtc-direct", "tcp"];
const bytes = (text) => new TextEncoder().encode(text);

for (const transport of TRANSPORTS) {
  test(`ping and identify over ${transport}`, async (t) => {
    const relay = await startRelay(t);
    const peer = await startPeer(t, { transport });
    const identified = until("identify", peer, ["peer:identify"], (event) => event?.detail);
    const address = multiaddr(addressFor(relay, transport));
    assert.ok((await peer.services.ping.ping(address)) >= 0);
    const { peerId, agentVersion, protocols, listenAddrs } = await identified;
    assert.equal(peerId.toString(), relay.peerId);
    assert.match(agentVersion, /^avatar-relay\//);
    for (const protocol of ["/libp2p/circuit/relay/0.2.0/hop", "/rendezvous/1.0.0", "/avatar/kad/1.0.0", "/meshsub/1.1.0", "/ipfs/ping/1.0.0"]) assert.ok(protocols.includes(protocol), protocol);
    assert.deepEqual(listenAddrs.map(String).sort(), relay.addresses.map((told) => told.replace(/\/p2p\/[^/]+$/, "")).sort());
  });

  test(`gossip goes between peers who only know the relay, over ${transport}`, async (t) => {
    const relay = await startRelay(t);
    const [a, b] = await Promise.all([startPeer(t, { transport }), startPeer(t, { transport })]);
    const topic = "avatar/test";
    for (const peer of [a, b]) peer.services.gossip.subscribe(topic);
    for (const peer of [a, b]) await peer.dial(multiaddr(addressFor(relay, transport)));
    const message = until("the message", b.services.gossip, ["message"], (event) => event?.detail?.topic === topic && event.detail);
    for (const peer of [a, b]) await until("the relay in the mesh", peer.services.gossip, ["gossipsub:graft", "gossipsub:heartbeat"], () => peer.services.gossip.getMeshPeers(topic).length > 0);
    await a.services.gossip.publish(topic, bytes("hello"));
    const { data, from } = await message;
    assert.equal(new TextDecoder().decode(data), "hello");
    assert.equal(from.toString(), a.peerId.toString());
  });

  test(`a stream echo through a circuit, over ${transport}`, async (t) => {
    const relay = await startRelay(t);
    const address = addressFor(relay, transport);
    const b = await startPeer(t, { transport, relay: address });
    const a = await startPeer(t, { transport });
    const connection = await a.dial(await circuitAddress(b));
    assert.equal(connection.remotePeer.toString(), b.peerId.toString());
    const data = randomBytes(1 << 20);
    assert.ok(data.equals(await roundTrip(connection, data)));
    assert.equal(await metric(relay, "avatar_relay_circuits"), 1);
    assert.equal(await metric(relay, "avatar_relay_reservations"), 1);
  });
}

test("peers of different transports reach each other through a circuit", async (t) => {
  const relay = await startRelay(t);
  const b = await startPeer(t, { transport: "webrtc-direct", relay: addressFor(relay, "webrtc-direct") });
  const a = await startPeer(t, { transport: "ws" });
  // b says its relay's address as b dials it; a reaches the same relay by another.
  await circuitAddress(b);
  const connection = await a.dial(multiaddr(`${addressFor(relay, "ws")}/p2p-circuit/p2p/${b.peerId}`));
  const data = randomBytes(200_000);
  assert.ok(data.equals(await roundTrip(connection, data)));
});

test("a circuit carries no more bytes than the limit", async (t) => {
  const relay = await startRelay(t, { options: ["--circuit-bytes", "100000"] });
  let arrived = 0;
  const b = await startPeer(t, { transport: "ws", relay: addressFor(relay, "ws"), seen: (chunk) => (arrived += chunk.byteLength) });
  const a = await startPeer(t, { transport: "ws" });
  const connection = await a.dial(await circuitAddress(b));
  // What is left of it after the handshake.
  assert.ok(connection.limits.bytes > 90_000n && connection.limits.bytes <= 100_000n, `${connection.limits.bytes}`);
  const closed = until("the end of the circuit", connection, ["close"], () => connection.status !== "open");
  await assert.rejects(async () => {
    const back = await roundTrip(connection, randomBytes(1 << 20), { chunk: 4096 });
    assert.equal(back.length, 1 << 20);
  });
  await closed;
  assert.ok(arrived <= 100_000 + 8_192, `${arrived} bytes arrived`);
});

test("a circuit lasts no longer than the limit", async (t) => {
  const relay = await startRelay(t, { options: ["--circuit-seconds", "1"] });
  const b = await startPeer(t, { transport: "ws", relay: addressFor(relay, "ws") });
  const a = await startPeer(t, { transport: "ws" });
  const connection = await a.dial(await circuitAddress(b));
  const start = performance.now();
  await until("the end of the circuit", connection, ["close"], () => connection.status !== "open");
  const seconds = (performance.now() - start) / 1000;
  assert.ok(seconds > 0.5 && seconds < 5, `${seconds} s`);
});

test("a peer opens no more circuits than the limit, and others are served", async (t) => {
  const relay = await startRelay(t, { options: ["--circuits-per-peer", "2"] });
  const address = addressFor(relay, "ws");
  const targets = await Promise.all([1, 2, 3].map(() => startPeer(t, { transport: "ws", relay: address })));
  const circuits = await Promise.all(targets.map(circuitAddress));
  const greedy = await startPeer(t, { transport: "ws" });
  await greedy.dial(circuits[0]);
  await greedy.dial(circuits[1]);
  await assert.rejects(greedy.dial(circuits[2]), /RESOURCE_LIMIT_EXCEEDED/);
  const other = await startPeer(t, { transport: "ws" });
  const connection = await other.dial(circuits[2]);
  assert.deepEqual(await roundTrip(connection, bytes("served")), bytes("served"));
});

test("no more peers have a reservation than the limit", async (t) => {
  const relay = await startRelay(t, { options: ["--reservations", "1"] });
  const address = addressFor(relay, "ws");
  await circuitAddress(await startPeer(t, { transport: "ws", relay: address }));
  await assert.rejects(startPeer(t, { transport: "ws", relay: address }), /Some configured addresses failed|RESERVATION|RESOURCE/i);
  assert.equal(await metric(relay, "avatar_relay_reservations"), 1);
});

test("no more peers are connected than the limit", async (t) => {
  const relay = await startRelay(t, { options: ["--connections", "1"] });
  const address = multiaddr(addressFor(relay, "ws"));
  const first = await startPeer(t, { transport: "ws" });
  await first.services.ping.ping(address);
  const second = await startPeer(t, { transport: "ws" });
  await assert.rejects(second.services.ping.ping(address));
  assert.ok((await first.services.ping.ping(address)) >= 0);
});

test("after a restart the relay is the same: peer id and certificate hashes", async (t) => {
  const dir = await folder(t);
  const first = await startRelay(t, { dir });
  const hashes = (relay) => ["webrtc-direct", "webtransport"].flatMap((transport) => addressFor(relay, transport).match(/(?<=certhash\/)[^/]+/g));
  const { code } = await first.stop();
  assert.equal(code, 0);
  for (const file of ["relay.key", "webrtc.pem", "webtransport.certificates"]) assert.equal((await stat(path.join(dir, "relay", file))).mode & 0o777, 0o600, file);
  const second = await startRelay(t, { dir });
  assert.equal(second.peerId, first.peerId);
  assert.deepEqual(hashes(second), hashes(first));
  assert.equal(hashes(first).length, 3);
  const peer = await startPeer(t, { transport: "webrtc-direct" });
  assert.ok((await peer.services.ping.ping(multiaddr(addressFor(second, "webrtc-direct")))) >= 0);
});

test("a damaged key is never replaced", async (t) => {
  const dir = await folder(t);
  await (await startRelay(t, { dir })).stop();
  const file = path.join(dir, "relay", "relay.key");
  await writeFile(file, "damaged");
  await assert.rejects(startRelay(t, { dir }), /CORRUPT/);
  assert.equal(await readFile(file, "utf8"), "damaged");
});

test("addresses, health and figures are served over HTTP, to pages of any origin", async (t) => {
  const relay = await startRelay(t);
  const response = await fetch(`${relay.http}/addresses`, { headers: { origin: "https://app.example" } });
  assert.equal(response.headers.get("access-control-allow-origin"), "*");
  assert.deepEqual(await response.json(), { peerId: relay.peerId, addresses: relay.addresses });
  const peer = await startPeer(t, { transport: "ws" });
  await peer.services.ping.ping(multiaddr(addressFor(relay, "ws")));
  const health = await (await fetch(`${relay.http}/health`)).json();
  assert.equal(health.status, "ok");
  assert.equal(health.peers, 1);
  assert.equal(await metric(relay, "avatar_relay_peers"), 1);
  assert.ok((await metric(relay, "libp2p_bandwidth_bytes_total")) > 100);
  const text = await (await fetch(`${relay.http}/metrics`)).text();
  assert.ok(!text.includes(peer.peerId.toString()), "a figure names a peer");
  assert.equal((await fetch(`${relay.http}/other`)).status, 404);
  assert.equal((await fetch(`${relay.http}/addresses`, { method: "POST" })).status, 405);
});

test("a provider is found in the relay's Kademlia", async (t) => {
  const relay = await startRelay(t);
  const options = { transport: "ws", kademlia: "/avatar/kad/1.0.0" };
  const [a, b] = [await startPeer(t, { ...options, relay: addressFor(relay, "ws") }), await startPeer(t, options)];
  for (const peer of [a, b]) {
    await peer.dial(multiaddr(addressFor(relay, "ws")));
    await until("the relay as a server of Kademlia", peer, ["peer:identify", "peer:update"], async () => (await peer.peerStore.all()).some(({ protocols }) => protocols.includes(options.kademlia)));
  }
  const key = CID.createV1(0x55, await sha256.digest(bytes("where")));
  await a.contentRouting.provide(key, { signal: AbortSignal.timeout(20_000) });
  for await (const provider of b.contentRouting.findProviders(key, { signal: AbortSignal.timeout(20_000) })) {
    assert.equal(provider.id.toString(), a.peerId.toString());
    return;
  }
  assert.fail("no provider found");
});
