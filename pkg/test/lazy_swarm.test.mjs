// libp2p is loaded when the first command comes; that it then works is shown in Chromium by tests/conformance/test/p2p.test.mjs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { OpErrorCode, OpErrorSchema } from "../dist/gen/dao/avatar/v1/abi_pb.js";
import { LazySwarm } from "../dist/host/lazy_swarm.js";

const NEXT_EVENTS = Uint8Array.of(0x52, 0);
const secret = () => Promise.resolve(new Uint8Array(32));

/** A swarm whose `load` is in the test's hands, and what it tells. */
function swarmOf(load) {
  const told = [];
  let heard = () => undefined;
  const swarm = new LazySwarm(load);
  const tell = (of, kind, status, head) => {
    told.push({ of, kind, status, error: head && fromBinary(OpErrorSchema, head) });
    heard();
    return false;
  };
  swarm.attach(tell, secret, "test");
  const next = async () => {
    if (told.length === 0) await new Promise((resolve) => (heard = resolve));
    return told.shift();
  };
  return { swarm, told, next };
}

test("nothing is loaded before the first command, and one load serves all that come meanwhile", async () => {
  let loads = 0;
  let fail;
  const { swarm, next } = swarmOf(() => {
    loads += 1;
    return new Promise((_, reject) => (fail = reject));
  });
  assert.equal(loads, 0);
  assert.equal(swarm.hasStream(1), false);
  assert.equal(swarm.streamWrite(1, [NEXT_EVENTS]), -6);
  assert.equal(swarm.command(1n, NEXT_EVENTS), 0);
  assert.equal(swarm.command(2n, NEXT_EVENTS), 0);
  assert.equal(loads, 1);
  fail(new Error("not there"));
  for (const of of [1n, 2n]) {
    const { error, ...completion } = await next();
    assert.deepEqual(completion, { of, kind: 0, status: -11 });
    assert.equal(error.code, OpErrorCode.NETWORK);
    assert.match(error.message, /not there/);
  }
  assert.equal(swarm.command(3n, NEXT_EVENTS), 0);
  assert.equal(loads, 2, "a failure is not for ever");
});

test("words of any length fit into the error", async () => {
  const { swarm, next } = swarmOf(() => Promise.reject(new Error("ä".repeat(1_000))));
  swarm.command(1n, NEXT_EVENTS);
  const { error } = await next();
  assert.match(error.message, /^libp2p did not start: ä+/);
});

test("a command that waits for libp2p can be cancelled, and completes once", async () => {
  let fail;
  const { swarm, told, next } = swarmOf(() => new Promise((_, reject) => (fail = reject)));
  swarm.command(1n, NEXT_EVENTS);
  swarm.command(2n, NEXT_EVENTS);
  assert.equal(swarm.cancel(1n), 0);
  assert.deepEqual(told, [], "never inside of the call");
  const { of, status, error } = await next();
  assert.deepEqual([of, status, error.code], [1n, -9, OpErrorCode.CANCELLED]);
  assert.equal(swarm.cancel(1n), -6);
  fail(new Error("not there"));
  assert.equal((await next()).of, 2n);
  assert.deepEqual(told, []);
});

test("an instance that is gone is told nothing", async () => {
  let fail;
  const { swarm, told } = swarmOf(() => new Promise((_, reject) => (fail = reject)));
  swarm.command(1n, NEXT_EVENTS);
  swarm.detach();
  fail(new Error("not there"));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(told, []);
});
