// Buffers: H1 to H5.
const SIZES = [0, 1, 65_535, 65_536, 65_537, 200_000];
const payload = (size) => Buffer.alloc(size, "echo");

async function echo(host, command, size) {
  const sent = payload(size);
  const [came] = await host.pass(Buffer.concat([Buffer.from(`${command} `), sent]));
  host.require(came?.equals(sent), `${size} bytes came back as ${came?.length} other ones`);
}

export const checks = [
  {
    name: "what a host writes stays inside the buffers that it was given",
    cites: ["H1"],
    async run(host) {
      await host.pass("guards");
      for (const size of SIZES) await host.pass(Buffer.concat([Buffer.from("echo "), payload(size)]));
      await host.pass("monitor H1");
    },
  },
  {
    name: "a guest that hands out memory it does not have harms only itself",
    cites: ["H1"],
    async run(host) {
      await host.pass("alloc-lies");
      const { error } = await host.ask(Buffer.concat([Buffer.from("echo "), payload(100_000)]));
      host.require(error !== undefined, "a request that could not be handed over was answered as if it had been");
      if (host.stopped === undefined) await host.identity();
    },
  },
  {
    name: "a request for which the guest has no buffer is answered with an error",
    cites: ["H1", "H5"],
    async run(host) {
      await host.pass("alloc-refuses");
      const { error } = await host.ask("identity of nobody");
      host.require(error !== undefined, "a request that could not be handed over was answered as if it had been");
      await host.pass("monitor H1");
      await host.pass("monitor H5");
    },
  },
  {
    name: "bytes of every size arrive as they were sent, in both directions",
    cites: ["H1"],
    async run(host) {
      await host.pass("");
      for (const size of SIZES) await echo(host, "echo", size);
    },
  },
  {
    name: "memory that grows inside yuan_alloc is seen before the buffer is written",
    cites: ["H2"],
    async run(host) {
      await host.pass("grow-in-alloc 3");
      for (const size of [10, 65_536, 100_000]) await echo(host, "echo", size);
      await host.pass("grow-at-completion");
    },
  },
  {
    name: "memory that grows in a turn is seen when an answer lies in it",
    cites: ["H2"],
    async run(host) {
      for (let nth = 0; nth < 3; nth++) {
        const [body] = await host.pass("grow-in-turn");
        host.require(body.length === 100_000 && body.every((byte) => byte === 0), "an answer out of new memory came as something else");
      }
    },
  },
  {
    name: "an answer is copied before avatar_respond returns",
    cites: ["H3"],
    async run(host) {
      for (const size of [10, 70_000]) await echo(host, "scrambled-answer", size);
    },
  },
  { name: "a batch is copied before avatar_storage returns", cites: ["H3"], run: (host) => host.pass("scrambled-batch") },
  { name: "lent buffers outside of the memory are BAD_BUFFER", cites: ["H4"], run: (host) => host.pass("outside") },
  {
    name: "a buffer that was given away is not used again",
    cites: ["H5"],
    async run(host) {
      for (const size of SIZES) await host.pass(Buffer.concat([Buffer.from("echo "), payload(size)]));
      await host.pass("put given away");
      await host.pass("turns 3");
      await host.pass("monitor H5");
    },
  },
];
