// Where things are: the tree, and the build cache outside it. Used by every script.
import { createHash } from "node:crypto";
import { homedir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the tree. */
export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..", "..");

/** What may outlive a clone: toolchain, tools, Cargo's target folders, stamps. */
export const CACHE = path.resolve(process.env.AVATAR_CACHE || path.join(homedir(), ".cache", "avatar"));

/** Where `cargo install --root` puts the pinned tools; their programs are in `bin`. */
export const TOOLS = path.join(CACHE, "tools");

/** The Cargo workspaces: folder → target folder. One target folder each, so that two workspaces never wait for one lock; but the simulator and the fuzz targets build the same Meta Unit. */
export const WORKSPACES = {
  root: { dir: ROOT, target: path.join(CACHE, "target", "root") },
  "meta-unit": { dir: path.join(ROOT, "meta-unit"), target: path.join(CACHE, "target", "meta-unit") },
  native: { dir: path.join(ROOT, "avatar-native"), target: path.join(CACHE, "target", "native") },
  sim: { dir: path.join(ROOT, "tests", "sim"), target: path.join(CACHE, "target", "sim") },
  fuzz: { dir: path.join(ROOT, "meta-unit", "fuzz"), target: path.join(CACHE, "target", "sim") },
  conformance: { dir: path.join(ROOT, "tests", "conformance", "guest"), target: path.join(CACHE, "target", "conformance") },
};

/** Files that are locked while something writes to this tree; outside it, since `npm ci` empties node_modules. */
export function lockFile(name) {
  return path.join(CACHE, "locks", `${createHash("sha256").update(ROOT).digest("hex").slice(0, 16)}-${name}`);
}

/** A path as a person in the tree would write it. */
export function relative(file) {
  return path.relative(ROOT, file) || ".";
}
