// webrtc-direct: our node in a browser dials go-libp2p, which knows version 2.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { CACHE } from "../../scripts/lib/paths.mjs";
import { mustRun, which } from "../../scripts/lib/run.mjs";
import { endings, openWorld, ours } from "./lib/world.mjs";

const MB = 1_000_000;
const PROGRAM = path.join(CACHE, "webrtc-tests", "go-peer");

const missing = !which("go") && "Go is not installed: it builds the go-libp2p node";
if (missing && process.env.CI) throw new Error(`CI needs Go: ${missing}`);

/** Starts the node, and gives its address. */
async function startGo(atEnd) {
  await mkdir(path.dirname(PROGRAM), { recursive: true });
  await mustRun("Building the go-libp2p node", "go", ["build", "-p", "2", "-o", PROGRAM, "."], { cwd: path.join(import.meta.dirname, "go-peer") });
  const child = spawn(PROGRAM, { stdio: ["pipe", "pipe", "inherit"] });
  atEnd(() => new Promise((resolve) => child.once("exit", resolve).stdin.end()));
  for await (const line of createInterface({ input: child.stdout })) {
    const match = /^listening at (\S+\/p2p\/(\S+))$/.exec(line);
    if (match) return { address: match[1], peerId: match[2] };
  }
  throw new Error("the go-libp2p node ended before it listened");
}

describe("webrtc-direct with go-libp2p", { skip: missing }, () => {
  const atEnd = endings(after);
  let go, usual, strict;

  before(async () => {
    go = await startGo(atEnd);
    usual = await openWorld(atEnd);
    strict = await openWorld(atEnd, { args: ["--force-fieldtrials=WebRTC-NoSdpMangleUfrag/Enabled/"] });
  });

  for (const [title, world, options] of [
    ["version 1", () => usual, { version: "v1" }],
    ["version 2", () => usual, { version: "v2" }],
    ["version 2 of its own accord, in a browser that refuses changed offers", () => strict, {}],
  ]) {
    test(`${title}: it dials, 10 MB are echoed and 10 MB arrive`, async () => {
      const peer = await ours(world(), "in a worker", options);
      assert.equal(await peer.dial(go.address), go.peerId);
      assert.ok((await peer.ping(go.peerId)) < 1000);
      await peer.echo(go.peerId, 10 * MB);
      assert.equal(await peer.sink(go.peerId, 10 * MB), 10 * MB);
      await peer.close();
    });
  }

  test("version 1 in a browser that refuses changed offers is an error at once", async () => {
    const peer = await ours(strict, "in a window", { version: "v1" });
    await assert.rejects(peer.dial(go.address), /set the local description/);
  });
});
