// Our relay with go-libp2p. 0.43 speaks the draft of WebTransport that browsers and wtransport speak; 0.49 asks for a later one.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { before, describe, test } from "node:test";
import { promisify } from "node:util";
import { CACHE } from "../../scripts/lib/paths.mjs";
import { mustRun, which } from "../../scripts/lib/run.mjs";
import { addressFor, startRelay } from "./lib/relay.mjs";

const PROGRAMS = path.join(CACHE, "interop");

const missing = !which("go") && "Go is not installed: it builds the go-libp2p peers";
if (missing && process.env.CI) throw new Error(`CI needs Go: ${missing}`);

describe("go-libp2p", { skip: missing }, () => {
  before(async () => {
    await mkdir(PROGRAMS, { recursive: true });
    for (const name of ["go-peer", "go-webrtc"]) await mustRun(`Building ${name}`, "go", ["build", "-p", "2", "-o", path.join(PROGRAMS, name), "."], { cwd: path.join(import.meta.dirname, name) });
  });

  for (const transport of ["webtransport", "quic", "ws", "tcp"]) {
    test(`ping, identify, a reservation and a stream echo through a circuit over ${transport}`, async (t) => {
      const relay = await startRelay(t);
      const { stdout } = await promisify(execFile)(path.join(PROGRAMS, "go-peer"), [addressFor(relay, transport)]);
      const shown = stdout.trim().split("\n");
      assert.match(shown[1], { webtransport: /\/webtransport/, quic: /\/quic-v1$/, ws: /\/ws$/, tcp: /\/tcp\/\d+$/ }[transport]);
      assert.deepEqual([shown[0], ...shown.slice(2)], ["ping", "agent avatar-relay/0.1.0", `reservation ${relay.addresses.length} addresses`, "echo"]);
    });
  }

  test("ping over WebRTC Direct, version 2", async (t) => {
    const relay = await startRelay(t);
    const { stdout } = await promisify(execFile)(path.join(PROGRAMS, "go-webrtc"), [addressFor(relay, "webrtc-direct")]);
    assert.equal(stdout, "ping\n");
  });
});
