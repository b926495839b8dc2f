// Installs Debian packages, where there is apt and we are root. Called by wasm-toolchain.mjs and browsers.mjs.
import { Problem, capture, mustRun, say, which } from "./run.mjs";

let listsAreFresh = false;

/** True when each of the packages is installed. */
export function debianHas(packages) {
  const status = capture("dpkg-query", ["-W", "-f=${db:Status-Status}\n", ...packages]);
  return status !== null && status.split("\n").every((line) => line === "installed");
}

/** Installs what is missing of `packages`; `why` finishes the sentence "… needed for …". */
export async function installDebian(packages, why) {
  if (which("dpkg-query") && debianHas(packages)) return;
  const list = packages.join(" ");
  if (!which("apt-get")) throw new Problem(`Missing, and needed for ${why}: install what Debian calls ${list}.`);
  if (process.getuid() !== 0) throw new Problem(`Missing, and needed for ${why}: run \`sudo apt-get install ${list}\`.`);
  say(`installing ${list} (for ${why})`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  if (!listsAreFresh) {
    await mustRun("Fetching Debian's package lists", "apt-get", ["update", "-qq"], { env, quiet: true });
    listsAreFresh = true;
  }
  await mustRun(`Installing ${list}`, "apt-get", ["install", "-qq", "-y", "--no-install-recommends", ...packages], { env, quiet: true });
}
