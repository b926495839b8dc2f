// Turns, requests, clocks, randomness, operations: H9 to H14, H16, H20.
const IN_FLIGHT = 8;

export const checks = [
  { name: "a guest that has more work gets its next turn", cites: ["H9"], run: (host) => host.pass("turns 500") },
  { name: "a guest that waits for its timer is called when it is due, and not all the time", cites: ["H9"], run: (host) => host.pass("timer 150") },
  {
    name: "other requests come in while a guest works without end",
    cites: ["H9"],
    async run(host) {
      const busy = host.pass("busy 3000");
      busy.catch(() => undefined);
      await host.pass("turns 1");
      await host.pass("knock");
      await busy;
    },
  },
  {
    name: "request numbers are unique in flight",
    cites: ["H10"],
    async run(host) {
      for (let nth = 0; nth < IN_FLIGHT; nth++) await host.pass("");
      const held = Array.from({ length: IN_FLIGHT }, () => host.pass("sleep 60"));
      await Promise.all([...held, host.pass("turns 1")]);
      await host.pass("monitor H10");
    },
  },
  {
    name: "answers come in the order in which they were given",
    cites: ["H11"],
    async run(host) {
      const parts = (await host.pass("parts 1000")).map(String);
      host.require(parts.length === 1_000, `${parts.length} answers of 1000 came`);
      const wrong = parts.findIndex((part, nth) => part !== String(nth));
      host.require(wrong < 0, `answer ${wrong} was "${parts[wrong]}"`);
    },
  },
  {
    name: "after the last answer, a further one is NOT_FOUND",
    cites: ["H11"],
    async run(host) {
      await host.pass("after-fin");
      await host.pass("monitor H11");
      host.require(host.unasked === undefined, host.unasked);
    },
  },
  { name: "the monotonic clock does not go back", cites: ["H12"], run: (host) => host.pass("monotonic") },
  { name: "both clocks count microseconds", cites: ["H12"], run: (host) => host.pass(`time-passes ${Date.now()}`) },
  ...[0, 1, 65_535, 65_536, 65_537, 1_000_000].map((size) => ({ name: `${size} random bytes are random`, cites: ["H13"], run: (host) => host.pass(`random ${size}`) })),
  { name: "an operation completes once, and later than its call", cites: ["H14"], run: (host) => host.pass("once") },
  { name: "a cancelled operation completes once", cites: ["H14"], run: (host) => host.pass("cancel") },
  { name: "one operation over the limit is LIMIT, and the others complete", cites: ["H16"], run: (host) => host.pass("limit") },
  { name: "malformed batches are INVALID", cites: ["H16"], run: (host) => host.pass("malformed") },
  { name: "a buffer over the limit is LIMIT", cites: ["H16"], run: (host) => host.pass("oversize") },
  { name: "a capability that is not in the Hello is UNSUPPORTED", cites: ["H16", "H20"], run: (host) => host.pass("lacking") },
  { name: "every function is there to be called", cites: ["H20"], run: (host) => host.pass("linked") },
];
