// Every host of this repository that reaches peers passes every check of avatar_p2p that it does not skip for a reason.
import assert from "node:assert/strict";
import { test } from "node:test";
import { build } from "../build.mjs";
import { HOSTS, skipReason } from "../kit/hosts.mjs";
import { P2P_CHECKS } from "../kit/p2p-checks.mjs";
import { runChecks } from "../kit/runner.mjs";

await build();

for (const host of HOSTS.filter(({ peers }) => peers)) {
  test(host.title, { skip: skipReason(host) }, async (context) => {
    host.prepare?.();
    const results = new Map();
    await runChecks(host.command, { claims: host.claims, checks: P2P_CHECKS, report: (result) => results.set(result.check, result) });
    for (const check of P2P_CHECKS) {
      await context.test(`${check.cites.join(", ")}: ${check.name}`, (inner) => {
        const { state, words } = results.get(check);
        if (state === "skipped") return inner.skip(words);
        assert.equal(state, "passed", words);
      });
    }
  });
}
