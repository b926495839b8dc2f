// `npm run docs`: the package's reference into docs/, or (`--check`) only whether it has no missing item.
//
// typedoc is started with a hook: npm puts it beside an older TypeScript, which a generator of the build needs, and it must use ours.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(import.meta.url);
const typedoc = path.join(path.dirname(require.resolve("typedoc/package.json")), "bin", "typedoc");
const check = process.argv.includes("--check") ? ["--emit", "none"] : [];
const { status } = spawnSync(process.execPath, ["--import", "./scripts/own-typescript.mjs", typedoc, ...check], { cwd: path.dirname(import.meta.dirname), stdio: "inherit" });
process.exitCode = status ?? 1;
