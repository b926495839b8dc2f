// Brings what a build needs (and, with --browsers, what the tests drive) and does nothing when all is there. Every npm command runs this first;
// `scripts/setup` is the same for a shell.
import { ensureBrowsers } from "./lib/browsers.mjs";
import { ensureCargoTools } from "./lib/cargo-tools.mjs";
import { withLock } from "./lib/lock.mjs";
import { ensureNpmPackages } from "./lib/npm-packages.mjs";
import { lockFile } from "./lib/paths.mjs";
import { checkRequirements } from "./lib/requirements.mjs";
import { main } from "./lib/run.mjs";
import { ensureWasmToolchain } from "./lib/wasm-toolchain.mjs";

/** Everything, in the order in which a missing thing is noticed soonest. */
export async function setup({ browsers = false } = {}) {
  checkRequirements();
  await withLock(lockFile("setup"), async () => {
    await ensureWasmToolchain();
    await ensureNpmPackages();
    await ensureCargoTools();
    if (browsers) await ensureBrowsers();
  });
}

if (process.argv[1] === import.meta.filename) await main(() => setup({ browsers: process.argv.includes("--browsers") }));
