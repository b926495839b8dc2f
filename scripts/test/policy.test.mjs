import assert from "node:assert/strict";
import { test } from "node:test";
import { lettingConnect, originsOf } from "../lib/policy.mjs";

test("each address that a page can dial is named by its origin, once", () => {
  const relay = "p2p/12D3KooWRelay";
  const addresses = [
    `/ip4/127.0.0.1/udp/5001/quic-v1/webtransport/certhash/uEi/certhash/uEi/${relay}`,
    `/ip4/127.0.0.1/udp/5002/webrtc-direct/certhash/uEi/${relay}`,
    `/ip4/127.0.0.1/udp/5003/quic-v1/${relay}`,
    `/ip4/127.0.0.1/tcp/5004/ws/${relay}`,
    `/ip4/127.0.0.1/tcp/5005/${relay}`,
    `/dns4/relay.example/tcp/443/wss/${relay}`,
    `/dns/relay.example/tcp/443/tls/sni/relay.example/ws/${relay}`,
    `/ip6/::1/tcp/5006/ws/${relay}`,
  ];
  assert.deepEqual(originsOf(addresses), ["https://127.0.0.1:5001", "ws://127.0.0.1:5004", "wss://relay.example:443"]);
});

test("a policy lets a page connect to them, and is otherwise what it was", () => {
  const headers = { "x-other": "1", "content-security-policy": "default-src 'none'; connect-src 'self'; object-src 'none'" };
  assert.deepEqual(lettingConnect(headers, ["ws://127.0.0.1:5004"]), { "x-other": "1", "content-security-policy": "default-src 'none'; connect-src 'self' ws://127.0.0.1:5004; object-src 'none'" });
  assert.deepEqual(lettingConnect(headers, []), headers);
});
