// What a remote does that it should not: it costs a stream, or the connection, and nothing else.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { endings, jsInNode, jsInPage, openWorld, ours } from "./lib/world.mjs";

const MB = 1_000_000;

describe("a remote that misbehaves", () => {
  const atEnd = endings(after);
  let world, us, them, address;

  before(async () => {
    world = await openWorld(atEnd);
    const relayNode = await jsInNode(atEnd, { listen: ["/ip4/127.0.0.1/tcp/0/ws"], relay: true });
    const [relay] = await relayNode.addresses("/ws");
    us = await ours(world, "in a worker");
    them = await jsInPage(world);
    address = await us.listenAt(relay);
    await them.dial(address);
  });

  /** The connection is as good as before. */
  const stillEchoes = async () => {
    await us.echo(them.peerId, MB);
    await them.echo(us.peerId, MB);
  };

  test("a frame header of 4 GiB ends its stream", async () => {
    assert.equal(await them.misbehave(us.peerId, [0xff, 0xff, 0xff, 0xff, 0x0f]), "closed");
    await stillEchoes();
  });

  test("a frame that is no protobuf ends its stream", async () => {
    assert.equal(await them.misbehave(us.peerId, [2, 0xff, 0xff]), "closed");
    await stillEchoes();
  });

  test("text ends its stream", async () => {
    assert.equal(await them.misbehave(us.peerId, "close"), "closed");
    await stillEchoes();
  });

  test("who never reads does not make us hold what we would send", async () => {
    const before = await us.held();
    assert.notEqual(await us.shout(them.peerId, 200 * MB), "everything was sent");
    assert.ok((await us.held()) - before < 16 * MB);
    await stillEchoes();
  });

  test("who sends what we do not read is reset, and memory stays bounded", async () => {
    const before = await us.held();
    assert.match(await them.shout(us.peerId, 200 * MB), /Reset/);
    assert.ok((await us.held()) - before < 32 * MB);
    await stillEchoes();
  });

  test("a tab that is closed ends the connections of its worker, and the remote knows at once", async () => {
    const other = await ours(world, "in a worker");
    await other.dial(address);
    const ended = us.closed(other.peerId);
    await other.echo(us.peerId, 1000);
    const start = performance.now();
    await other.close();
    assert.match(await ended, /closed/);
    // Far less than until the connection would be called disconnected.
    assert.ok(performance.now() - start < 3000);
  });

  test("a window shim that is closed ends the connections at both ends, at once", async () => {
    const other = await ours(world, "in a worker");
    await other.dial(address);
    const ended = other.closed(us.peerId);
    const known = us.closed(other.peerId);
    const start = performance.now();
    await other.page.evaluate(() => globalThis.shim.close());
    assert.match(await ended, /closed/);
    assert.match(await known, /closed/);
    assert.ok(performance.now() - start < 3000);
  });
});
