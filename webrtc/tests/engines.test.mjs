// /webrtc between engines: Firefox and Chromium, each dialling the other; and Firefox alone with webrtc-direct.
import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { after, before, describe, test } from "node:test";
import { firefox, skipWithout } from "../../tests/e2e/lib/engines/index.mjs";
import { PLACES, endings, jsInNode, openWorld, ours } from "./lib/world.mjs";

const MB = 1_000_000;

/** An address of this machine that is not loopback. */
const OUTSIDE = Object.values(networkInterfaces()).flat().find(({ family, internal }) => family === "IPv4" && !internal)?.address;

describe("Firefox", { skip: await skipWithout(firefox) }, () => {
  const atEnd = endings(after);
  let inFirefox, inChromium, relay;

  before(async () => {
    // By default it offers no loopback address, and there may be no other here.
    inFirefox = await openWorld(atEnd, { engine: firefox, preferences: { "media.peerconnection.ice.loopback": true, "media.peerconnection.ice.obfuscate_host_addresses": false } });
    inChromium = await openWorld(atEnd);
    const relayNode = await jsInNode(atEnd, { listen: ["/ip4/127.0.0.1/tcp/0/ws"], relay: true });
    [relay] = await relayNode.addresses("/ws");
  });

  for (const place of Object.keys(PLACES)) {
    for (const dials of ["Firefox", "Chromium"]) {
      test(`${place}, linked to Chromium over WebRTC: ${dials} dials`, async () => {
        const worlds = dials === "Firefox" ? [inFirefox, inChromium] : [inChromium, inFirefox];
        const [a, b] = [await ours(worlds[0], place), await ours(worlds[1], place)];
        assert.equal(await a.dial(await b.listenAt(relay)), b.peerId);
        await a.echo(b.peerId, 2 * MB);
        await b.echo(a.peerId, 2 * MB);
      });
    }

    test(`${place}, webrtc-direct to js-libp2p in Node`, { skip: !OUTSIDE && "this machine has no address but loopback, which Firefox does not dial" }, async () => {
      const server = await jsInNode(atEnd, { listen: [`/ip4/${OUTSIDE}/udp/0/webrtc-direct`] });
      const [address] = await server.addresses("/webrtc-direct");
      const peer = await ours(inFirefox, place);
      assert.equal(await peer.dial(address), server.peerId);
      await peer.echo(server.peerId, 2 * MB);
      await server.echo(peer.peerId, 2 * MB);
    });
  }
});
