// Where a page may connect to, for a content security policy: the relays that it is told of, and nothing else.

/** What a policy calls the places of these multiaddrs. WebRTC is not asked about, and a policy has no way to name an IPv6 address. */
export function originsOf(addresses) {
  const origins = addresses.map((address) => {
    const [, kind, host, protocol, port, ...rest] = address.split("/");
    if (!/^(ip4|dns[46]?)$/.test(kind)) return undefined;
    if (protocol === "udp") return rest.includes("webtransport") ? `https://${host}:${port}` : undefined;
    if (rest[0] === "ws") return `ws://${host}:${port}`;
    return rest[0] === "wss" || (rest[0] === "tls" && rest.includes("ws")) ? `wss://${host}:${port}` : undefined;
  });
  return [...new Set(origins.filter(Boolean))];
}

/** The headers, with these origins added to what the policy lets a page connect to. */
export function lettingConnect(headers, origins) {
  const name = "content-security-policy";
  return { ...headers, [name]: headers[name].replace("connect-src 'self'", ["connect-src 'self'", ...origins].join(" ")) };
}
