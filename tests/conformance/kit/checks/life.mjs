// The life of instances: H6 to H8.
import { FOREIGN_MODULES } from "../../build.mjs";

/** A trap, with other requests in flight; afterwards another instance answers. `trap` causes it, and resolves with the answers that have to be CRASHED. */
async function crash(host, trap) {
  const before = await host.identity();
  const held = [host.ask("hold 1"), host.ask("hold 2")];
  await host.pass("turns 2");
  for (const answer of [...held, ...(await trap(host))]) await host.crashes(answer, "a request in flight");
  host.require((await host.identity()) !== before, "the instance that had trapped answered again");
}

/** The request that arms the trap is answered, the next one springs it. */
const armed = (where) => async (host) => {
  await host.pass(`trap ${where}`);
  return [host.ask("sprung")];
};
const atOnce = (where) => async (host) => [host.ask(`trap ${where}`)];

export const checks = [
  ...Object.entries(FOREIGN_MODULES).map(([what, file]) => ({ name: `a module ${what} is refused`, cites: ["H6"], starts: false, run: (host) => host.refuses(file) })),
  { name: "a trap in yuan_turn ends every request in flight, and a new instance goes on", cites: ["H7"], run: (host) => crash(host, atOnce("turn")) },
  { name: "a trap in yuan_alloc does too", cites: ["H7"], run: (host) => crash(host, armed("alloc")) },
  { name: "a trap in yuan_handle_request does too", cites: ["H7"], run: (host) => crash(host, armed("request")) },
  { name: "a trap in yuan_complete does too", cites: ["H7"], run: (host) => crash(host, atOnce("completion")) },
  { name: "a stack that is used up does too", cites: ["H7"], run: (host) => crash(host, atOnce("stack")) },
  {
    name: "what a completed batch stored is there after a trap",
    cites: ["H7"],
    async run(host) {
      await host.pass("put before the trap");
      await host.crashes(host.ask("trap turn"), "the request that traps");
      await host.pass("has before the trap");
    },
  },
  {
    name: "an instance that has trapped is never called again",
    cites: ["H7"],
    async run(host) {
      const held = host.ask("hold");
      await host.crashes(host.ask("trap turn"), "the request that traps");
      await host.crashes(held, "a request in flight");
      await host.pass("haunted");
    },
  },
  {
    name: "text that is no UTF-8 is no exception out of an import",
    cites: ["H7"],
    async run(host) {
      const before = await host.identity();
      await host.pass("broken-text");
      host.require((await host.identity()) === before, "avatar_log or avatar_panic killed the instance");
    },
  },
  {
    name: "a request that crashes two instances is quarantined",
    cites: ["H8"],
    async run(host) {
      host.needs("quarantine", "the host does not claim to quarantine requests");
      for (let nth = 0; nth < 2; nth++) await host.crashes(host.ask("trap turn, always the same"), "the request that traps");
      const before = await host.identity();
      await host.crashes(host.ask("trap turn, always the same"), "the request in quarantine");
      host.require((await host.identity()) === before, "the request crashed a third instance");
    },
  },
  {
    name: "a crash loop is slowed down and ends",
    cites: ["H8"],
    async run(host) {
      host.needs("crash-loop-stop", "the host does not claim to stop a crash loop");
      const tookMs = [];
      for (let nth = 0; nth < 12 && host.stopped === undefined; nth++) {
        const began = Date.now();
        await host.ask(`trap turn ${nth}`).catch(() => undefined);
        tookMs.push(Date.now() - began);
      }
      host.require(host.stopped !== undefined, "twelve crashes in a row did not stop the host");
      // Each waited for the instance after the crash before it; the last one may have found none.
      const [, second] = tookMs.toSorted((a, b) => b - a);
      host.require(second >= 120, `new instances came after ${tookMs} ms`);
    },
  },
];
