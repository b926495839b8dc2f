// The kit's command: `node run.mjs [--claim NAME]… [--only WORDS] -- PROGRAM [ARGUMENT]…` runs every check against the host behind that adapter.
// Ends with `N passed, N failed, N skipped`, and with 1 when a check failed. README.md explains all of it.
import { parseArgs } from "node:util";
import { build } from "./build.mjs";
import { CHECKS } from "./kit/checks/index.mjs";
import { P2P_CHECKS } from "./kit/p2p-checks.mjs";
import { runChecks } from "./kit/runner.mjs";

const { values, positionals } = parseArgs({ options: { claim: { type: "string", multiple: true, default: [] }, only: { type: "string", default: "" } }, allowPositionals: true });
if (positionals.length === 0) {
  process.stderr.write("usage: node run.mjs [--claim NAME]… [--only WORDS] -- PROGRAM [ARGUMENT]…\n");
  process.exit(2);
}

const SIGNS = { passed: "ok  ", failed: "FAIL", skipped: "skip" };
await build();
const checks = [...CHECKS, ...P2P_CHECKS].filter(({ name, cites }) => `${cites} ${name}`.includes(values.only));
const results = await runChecks(positionals, {
  claims: values.claim,
  checks,
  report: ({ check, state, words }) => process.stdout.write(`${SIGNS[state]} ${check.cites.join(" ")}: ${check.name}${words ? `\n     ${words.replaceAll("\n", "\n     ")}` : ""}\n`),
});
const count = (state) => results.filter((result) => result.state === state).length;
process.stdout.write(`${count("passed")} passed, ${count("failed")} failed, ${count("skipped")} skipped\n`);
process.exitCode = count("failed") > 0 ? 1 : 0;
