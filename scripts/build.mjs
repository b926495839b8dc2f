// `npm run build`: setup, then everything that was changed since the last build, into pkg/dist and www/dist; ends with what a first load weighs.
// Also called by start.mjs and test.mjs.
import { existsSync } from "node:fs";
import path from "node:path";
import { generate } from "./generate.mjs";
import { toolEnv } from "./lib/env.mjs";
import { withLock } from "./lib/lock.mjs";
import { ROOT, lockFile } from "./lib/paths.mjs";
import { main, mustRun, say } from "./lib/run.mjs";
import { filesBelow, hashFiles, isFresh, markFresh } from "./lib/stamp.mjs";
import { buildWasm } from "./lib/wasm-steps.mjs";
import { setup } from "./setup.mjs";
import { checkSizes } from "./sizes.mjs";

const STAMPS = path.join(ROOT, "node_modules", ".avatar-build");

/** The npm workspaces that are built, in order: what each is made from, and where it goes. */
const PACKAGES = [
  { dir: "pkg", inputs: ["pkg", "webrtc/shim", "package-lock.json", "LICENSE-MIT", "LICENSE-APACHE"], output: "pkg/dist" },
  { dir: "www", inputs: ["www", "pkg/dist", "pkg/package.json", "package-lock.json", "webpack.config.js"], output: "www/dist" },
];

/** Builds all; returns whether the first load is within its budget. */
export async function build() {
  await withLock(lockFile("build"), async () => {
    await generate();
    await buildWasm();
    for (const step of PACKAGES) await buildPackage(step);
  });
  return checkSizes();
}

async function buildPackage({ dir, inputs, output }) {
  const hash = hashFiles(filesBelow(...inputs.map((input) => path.join(ROOT, input))), `${process.version} ${process.env.AVATAR_RELAY_ORIGINS ?? ""}`);
  const stamp = path.join(STAMPS, dir);
  const dist = path.join(ROOT, output);
  if (isFresh(stamp, hash, [dist])) return;
  say(`${dir}: building into ${output}`);
  await mustRun(`Building ${dir}`, "npm", ["run", "--silent", "build"], { cwd: path.join(ROOT, dir), env: { ...toolEnv(), NODE_ENV: "production" } });
  if (!existsSync(dist)) throw new Error(`${dir}'s build left nothing in ${output}`);
  markFresh(stamp, hash);
}

if (process.argv[1] === import.meta.filename) {
  await main(async () => {
    await setup();
    return (await build()) ? 0 : 1;
  });
}
