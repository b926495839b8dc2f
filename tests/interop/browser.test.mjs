// Our relay with js-libp2p in pages of real browsers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { build } from "esbuild";
import { engines, skipWithout } from "../e2e/lib/engines/index.mjs";
import { serve } from "../e2e/lib/serve.mjs";
import { circuitAddress, startPeer } from "./lib/peer.mjs";
import { addressFor, startRelay } from "./lib/relay.mjs";

/** What is sure to work in each browser. WebKitGTK is built without the other two. */
const TRANSPORTS = { Chromium: ["ws", "webrtc-direct", "webtransport"], Firefox: ["ws", "webtransport"], WebKitGTK: ["ws"] };

let script;

/** An empty page with the script. */
async function servePage(t) {
  script ??= build({ entryPoints: [`${import.meta.dirname}/lib/page.mjs`], bundle: true, write: false, format: "esm", platform: "browser", logLevel: "error" });
  const [{ contents }] = (await script).outputFiles;
  const page = '<!doctype html><meta charset="utf-8" /><title>Relay</title><script type="module" src="/page.mjs"></script>';
  const server = await serve({}, { replace: { "/index.html": page, "/page.mjs": Buffer.from(contents) } });
  t.after(() => server.close());
  return server.url;
}

for (const engine of engines) {
  const skip = await skipWithout(engine);
  for (const transport of TRANSPORTS[engine.name]) {
    test(`${engine.name} reaches the relay and a peer behind it over ${transport}`, { skip }, async (t) => {
      const relay = await startRelay(t);
      const other = await startPeer(t, { transport: "ws", relay: addressFor(relay, "ws") });
      await circuitAddress(other);
      const url = await servePage(t);
      const browser = await engine.launch();
      t.after(() => browser.close());
      const page = await browser.open(url);
      await page.waitFor(() => globalThis.start !== undefined);
      const address = addressFor(relay, transport);
      assert.ok((await page.evaluate((transport, address) => start(transport, address), transport, address)) >= 0);
      const circuit = `${address}/p2p-circuit/p2p/${other.peerId}`;
      assert.ok(await page.evaluate((circuit) => echoThrough(circuit, 1_000_000), circuit), "other bytes came back");
    });
  }
}
