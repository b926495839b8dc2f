// Net requests and streams: H17 to H19.

/** None of these is asked, whatever the host's user allowed. */
const FORBIDDEN = ["http://example.com/", "ftp://example.com/", "file:///etc/hostname", "data:text/plain,hello", "https://user:secret@example.com/", "https://10.0.0.1/", "https://192.168.1.1/", "https://169.254.169.254/", "https://[::1]/", "https://[fd00::1]/", "no address"];

async function withServer(host) {
  host.needs("loopback-http", "the host does not claim to reach the kit's own server");
  await host.start({ loopbackHttp: true });
  return host.server.url;
}

export const checks = [
  {
    name: "what the rules forbid is not asked for",
    cites: ["H17"],
    async run(host) {
      for (const url of FORBIDDEN) await host.pass(`denied ${url}`);
      const before = host.server.asked.length;
      await host.pass(`denied ${host.server.url}unasked`);
      host.require(host.server.asked.length === before, "loopback was asked, which nobody had allowed");
    },
  },
  {
    name: "requests carry no cookies and no credentials",
    cites: ["H17"],
    starts: false,
    async run(host) {
      const url = await withServer(host);
      const before = host.server.asked.length;
      for (let nth = 0; nth < 2; nth++) await host.pass(`fetch ${url}cookie?bytes=10`);
      const asked = host.server.asked.slice(before);
      host.require(asked.length >= 2, "the server was not asked");
      const carried = asked.flatMap(({ headers }) => ["cookie", "authorization", "referer"].filter((name) => name in headers));
      host.require(carried.length === 0, `requests carried ${carried}`);
    },
  },
  {
    name: "a response that is too large or too late is an error",
    cites: ["H17"],
    starts: false,
    async run(host) {
      const url = await withServer(host);
      await host.pass(`fetch-fails 1000 5000 ${url}large?bytes=1001`);
      await host.pass(`fetch-fails 1000000 5000 ${url}drip?bytes=2000000`);
      await host.pass(`fetch-fails 1000 150 ${url}silent`);
    },
  },
  {
    name: "no more DATA comes than was granted",
    cites: ["H18"],
    starts: false,
    async run(host) {
      const url = await withServer(host);
      await host.pass(`credit ${url}large?bytes=500000`);
    },
  },
  {
    name: "no DATA comes after a reset",
    cites: ["H19"],
    starts: false,
    async run(host) {
      const url = await withServer(host);
      await host.pass(`reset ${url}drip?bytes=1000000`);
    },
  },
  {
    name: "nothing comes after FIN",
    cites: ["H19"],
    starts: false,
    async run(host) {
      const url = await withServer(host);
      await host.pass(`finish ${url}large?bytes=100000`);
    },
  },
];
