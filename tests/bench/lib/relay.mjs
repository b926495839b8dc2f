// The relay of the bench: a debug build, as everywhere in the tests, or what AVATAR_BIN names.
import path from "node:path";
import { cargoEnv } from "../../../scripts/lib/env.mjs";
import { WORKSPACES } from "../../../scripts/lib/paths.mjs";
import { mustRun } from "../../../scripts/lib/run.mjs";
import { startRelay } from "../../interop/lib/relay.mjs";

/** The program, built where it must be, and the words for which one it is. */
async function avatar() {
  if (process.env.AVATAR_BIN) return { program: process.env.AVATAR_BIN, build: "of AVATAR_BIN" };
  const { dir, target } = WORKSPACES.native;
  await mustRun("Building the relay", "cargo", ["build", "--quiet", "--bin", "avatar"], { cwd: dir, env: cargoEnv("native") });
  return { program: path.join(target, "debug", "avatar"), build: "debug build" };
}

/** Calls `work` with a relay, and with the words for which build it is. */
export async function withRelay(work) {
  const { program, build } = await avatar();
  const endings = [];
  try {
    return await work(await startRelay({ after: (end) => endings.push(end) }, { program }), build);
  } finally {
    for (const end of endings) await end();
  }
}
