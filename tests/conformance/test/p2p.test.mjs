// Every host of this repository that reaches peers passes every check of avatar_p2p that it does not skip for a reason; and hosts reach each other.
import assert from "node:assert/strict";
import { test } from "node:test";
import { build, CONFORMANCE_WASM } from "../build.mjs";
import { Adapter } from "../kit/adapter.mjs";
import { HOSTS, skipReason } from "../kit/hosts.mjs";
import { P2P_CHECKS } from "../kit/p2p-checks.mjs";
import { P2pHost, same } from "../kit/p2p-host.mjs";
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

test("two browsers that know a relay of js-libp2p reach each other over it", { skip: skipReason(chromium) }, async () => {
  const relay = await startPeer({ relay: true });
  const adapters = [0, 1].map(() => new Adapter(chromium.command));
  try {
    const [one, other] = await Promise.all(
      adapters.map(async (adapter) => {
        const session = new Session(adapter, CONFORMANCE_WASM, undefined, []);
        await session.start();
        return new P2pHost(session);
      }),
    );
    const circuits = relay.addresses.map((address) => `${address}/p2p-circuit`);
    const { peers } = await other.done("listen", { addresses: circuits });
    const { peer: id, addresses } = peers[0];
    assert.ok(addresses[0].includes("/p2p-circuit"), addresses[0]);
    await other.done("acceptProtocol", PROTOCOLS.GUEST);

    await one.connect({ id, addresses });
    // What was not told open is not told closed.
    const told = (name) => (host) => host.event((event) => event.case === name && event.value.relayed);
    const [opened] = await Promise.all([one, other].map(told("opened")));
    assert.ok(same(opened.peer, id), opened.address);
    const stream = await one.open({ id }, PROTOCOLS.GUEST);
    const inbound = await other.inbound();
    const served = other.session.pass(`p2p-serve ${inbound.stream}`);
    await one.stream("p2p-echo", stream, 1_000_000);
    await served;

    // The relay goes: both are told.
    await relay.stop();
    await Promise.all([one, other].map(told("closed")));
  } finally {
    await Promise.all(adapters.map((adapter) => adapter.close()));
    await relay.stop();
  }
});
