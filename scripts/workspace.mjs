// Runs a script of one npm workspace on a fresh build, passing further arguments on: `node scripts/workspace.mjs tests/bench bench --quick`.
// Called by the commands of package.json that are no suites.
import path from "node:path";
import { build } from "./build.mjs";
import { toolEnv } from "./lib/env.mjs";
import { ROOT } from "./lib/paths.mjs";
import { main, run } from "./lib/run.mjs";
import { setup } from "./setup.mjs";

await main(async () => {
  const [dir, script, ...args] = process.argv.slice(2);
  await setup({ browsers: dir.startsWith("tests/") });
  await build();
  const result = await run("npm", ["run", "--silent", script, "--", ...args], { cwd: path.join(ROOT, dir), env: toolEnv() });
  return result.code;
});
