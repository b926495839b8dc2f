// Every host of this repository passes every check that it does not skip for a reason.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { build } from "../build.mjs";
import { CHECKS } from "../kit/checks/index.mjs";
import { HOSTS, skipReason } from "../kit/hosts.mjs";
import { runChecks } from "../kit/runner.mjs";

await build();

// Most of a run is waiting.
describe("hosts", { concurrency: 3 }, () => {
  for (const host of HOSTS) {
    test(host.title, { skip: skipReason(host) }, async (context) => {
      host.prepare?.();
      const results = new Map();
      await runChecks(host.command, { claims: host.claims, report: (result) => results.set(result.check, result) });
      for (const check of CHECKS) {
        await context.test(`${check.cites.join(", ")}: ${check.name}`, (inner) => {
          const { state, words } = results.get(check);
          if (state === "skipped") return inner.skip(words);
          assert.equal(state, "passed", words);
        });
      }
    });
  }
});
