// Remembers what a step was made from, so that a step whose inputs are the same is skipped. Used by the build steps and by setup.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { relative } from "./paths.mjs";

const SKIPPED_FOLDERS = new Set(["node_modules", "target", ".git", "dist"]);

/** All files below the given files and folders, sorted; generated and installed folders are left out. */
export function filesBelow(...roots) {
  const found = [];
  const visit = (file) => {
    if (!existsSync(file)) return;
    if (!statSync(file).isDirectory()) {
      found.push(file);
      return;
    }
    for (const name of readdirSync(file)) {
      if (!SKIPPED_FOLDERS.has(name)) visit(path.join(file, name));
    }
  };
  roots.forEach(visit);
  return found.sort();
}

/** One hash over names and contents. `salt` stands for what is not a file: versions, options. */
export function hashFiles(files, salt = "") {
  const hash = createHash("sha256").update(salt);
  for (const file of files) {
    const content = readFileSync(file);
    hash.update(`\0${relative(file)}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

/** True when the step that wrote `stamp` had the same inputs, and its outputs are still there. */
export function isFresh(stamp, hash, outputs = []) {
  return existsSync(stamp) && readFileSync(stamp, "utf8") === hash && outputs.every(existsSync);
}

/** Notes that the step is done for these inputs. */
export function markFresh(stamp, hash) {
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, hash);
}
