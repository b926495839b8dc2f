import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { codeIn, linkOf } from "../src/devices/code";
import { relaysIn } from "../src/devices/relays";
import { COLOURS, colourOf, deviceName, leftWords, placeOf, roundTripWords, stepWords, wayWords, withPlaces } from "../src/devices/words";

test("a code comes out of its link as it went in, whatever is in it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (code) => {
      assert.equal(codeIn(linkOf(code, "https://app.example/notes/#/devices")), code);
    }),
  );
  assert.equal(linkOf("abc", "https://app.example/notes/?name=x#/devices"), "https://app.example/notes/?name=x#/link/abc");
});

test("a code that was pasted without its link is taken as it is, without what is around it", () => {
  assert.equal(codeIn("  abc-DEF_12\n"), "abc-DEF_12");
  assert.equal(codeIn("50%"), "50%");
  assert.equal(codeIn(""), "");
});

test("of the relay's addresses those are taken that a page can dial; what is no such list is none", () => {
  const relay = "p2p/12D3KooWRelay";
  const dialled = [`/ip4/127.0.0.1/udp/1/quic-v1/webtransport/certhash/uEi/${relay}`, `/ip4/127.0.0.1/udp/2/webrtc-direct/certhash/uEi/${relay}`, `/ip4/127.0.0.1/tcp/3/ws/${relay}`, `/dns4/a.example/tcp/443/wss/${relay}`];
  assert.deepEqual(relaysIn({ addresses: [...dialled, `/ip4/127.0.0.1/tcp/4/${relay}`, `/ip4/127.0.0.1/udp/5/quic-v1/${relay}`, 5, "javascript:alert(1)/ws/"] }), dialled);
  for (const nothing of [undefined, null, "x", 5, [], {}, { addresses: "x" }, { addresses: { length: 3 } }]) assert.deepEqual(relaysIn(nothing), []);
  assert.equal(relaysIn({ addresses: Array(100).fill(dialled[2]) }).length, 16);
});

test("how a device stands is said in words", () => {
  const device = { inSync: false, documentsDone: 0, documentsTotal: 0 };
  assert.equal(stepWords({ ...device, inSync: true }), "in step");
  assert.equal(stepWords({ ...device, documentsDone: 2, documentsTotal: 3 }), "1 note to go");
  assert.equal(stepWords({ ...device, documentsDone: 12, documentsTotal: 300 }), "288 notes to go");
  assert.equal(stepWords(device), "comparing");
  assert.equal(wayWords({ relayed: false, transport: "webrtc" }), "directly (WebRTC)");
  assert.equal(wayWords({ relayed: true, transport: "websocket" }), "by way of a relay");
  assert.deepEqual([undefined, 0.4, 12.6].map(roundTripWords), ["not measured yet", "under 1 ms", "13 ms"]);
  assert.deepEqual([600_000, 545_001, 1, -5].map(leftWords), ["10:00", "9:06", "0:01", "0:00"]);
  assert.deepEqual(["/dns4/relay.example/tcp/443/wss", "odd"].map(placeOf), ["relay.example:443", "odd"]);
  assert.equal(withPlaces("The relay /ip4/127.0.0.1/udp/5/quic-v1/webtransport/certhash/uEi/p2p/12D3 is connected."), "The relay 127.0.0.1:5 is connected.");
  assert.equal(withPlaces("Either/or, and 1/2."), "Either/or, and 1/2.");
});

test("a device gets a name from what its browser says of itself", () => {
  assert.equal(deviceName("Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"), "Firefox on Linux");
  assert.equal(deviceName("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"), "Safari on iPhone");
  assert.equal(deviceName("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0"), "Edge on Windows");
  assert.equal(deviceName("something new"), "Browser on this device");
});

test("a device has one colour, of those that there are", () => {
  fc.assert(
    fc.property(fc.string(), (device) => {
      const colour = colourOf(device);
      assert.ok(Number.isInteger(colour) && colour >= 0 && colour < COLOURS);
      assert.equal(colourOf(device), colour);
    }),
  );
});
