// Builds `avatar` and runs its relay on loopback, for `npm start -- --relay`. Its keys are in the build cache, so that it is the same relay at each start.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { cargoEnv } from "./env.mjs";
import { CACHE, WORKSPACES } from "./paths.mjs";
import { Problem, mustRun } from "./run.mjs";

/** Resolves when the relay listens, with its addresses and the one of its HTTP server. It ends with this process. */
export async function startRelay() {
  const { dir, target } = WORKSPACES.native;
  await mustRun("Building the relay", "cargo", ["build", "--bin", "avatar"], { cwd: dir, env: cargoEnv("native") });
  const child = spawn(path.join(target, "debug", "avatar"), ["relay", "--json", "--loopback", "--dir", path.join(CACHE, "relay")], { stdio: ["ignore", "pipe", "inherit"] });
  process.once("exit", () => child.kill());
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(128 + constants.signals[signal]));
  const ended = once(child, "exit").then(([code]) => Promise.reject(new Problem(`The relay ended with exit code ${code}.`)));
  const [line] = await Promise.race([once(createInterface({ input: child.stdout }), "line"), ended]);
  // From now on the app goes on without it.
  ended.catch(({ message }) => process.stderr.write(`${message}\n`));
  return JSON.parse(line);
}
