// The real traces and official vectors are beside the project, not in it. Without them tests skip what needs them; in CI that is a failure. Called by the suite `lint`.
import { existsSync } from "node:fs";
import path from "node:path";
import { ROOT } from "./lib/paths.mjs";
import { Problem, main } from "./lib/run.mjs";

await main(() => {
  const missing = ["traces/automerge-paper.json.gz"].filter((file) => !existsSync(path.join(ROOT, "..", "shared", "data", file)));
  if (missing.length === 0) return;
  const sentence = `not in ../shared/data: ${missing.join(", ")}; the tests that need it will skip`;
  if (process.env.CI) throw new Problem(sentence);
  process.stdout.write(`${sentence}\n`);
});
