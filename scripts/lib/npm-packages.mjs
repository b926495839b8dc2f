// Installs the npm packages of all workspaces when the lockfile or a package.json changed. Called by setup.mjs.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { ROOT } from "./paths.mjs";
import { mustRun, say } from "./run.mjs";
import { hashFiles, isFresh, markFresh } from "./stamp.mjs";

const LOCKFILE = path.join(ROOT, "package-lock.json");
const INSTALLED = path.join(ROOT, "node_modules");

function manifests() {
  const root = path.join(ROOT, "package.json");
  const { workspaces } = JSON.parse(readFileSync(root, "utf8"));
  return [root, path.join(ROOT, ".npmrc"), LOCKFILE, ...workspaces.map((dir) => path.join(ROOT, dir, "package.json"))].filter(existsSync);
}

/** Runs `npm ci` in a fresh clone, `npm install` after a change, and nothing when all is as it was. */
export async function ensureNpmPackages() {
  const stamp = path.join(INSTALLED, ".avatar-setup");
  if (isFresh(stamp, hashFiles(manifests()))) return;
  const command = existsSync(LOCKFILE) && !existsSync(INSTALLED) ? "ci" : "install";
  say(`npm ${command}`);
  await mustRun("Installing the npm packages", "npm", [command, "--no-audit", "--no-fund", "--loglevel=error"], { cwd: ROOT });
  // After, because `npm install` may have written the lockfile.
  markFresh(stamp, hashFiles(manifests()));
}
