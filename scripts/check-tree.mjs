// Fails when a committed file names a package registry's host or a path of somebody's machine: both make a clone depend on where it was written. Called by the suite `lint`.
import { readFileSync } from "node:fs";
import path from "node:path";
import { ROOT } from "./lib/paths.mjs";
import { Problem, capture, main, which } from "./lib/run.mjs";

const FORBIDDEN = [
  { what: "a registry's host", pattern: /\b(registry\.npmjs\.org|registry\.yarnpkg\.com|(index|static)\.crates\.io|deb\.debian\.org|files\.pythonhosted\.org)\b/ },
  { what: "a path of one machine", pattern: /(?<![\w.-])\/(home|Users|root|work)\/[\w.]/ },
];
const BINARY = /\.(png|ico|wasm|woff2|binpb|gz|webp)$/;
/** Itself. */
const EXEMPT = new Set(["scripts/check-tree.mjs"]);

await main(() => {
  if (!which("git")) throw new Problem("git is missing: it lists the files of the tree.");
  const files = capture("git", ["ls-files", "-z"], { cwd: ROOT })?.split("\0").filter(Boolean);
  if (!files) throw new Problem("git does not list this tree: run the checks in a clone.");
  const found = [];
  for (const file of files.filter((name) => !BINARY.test(name) && !EXEMPT.has(name))) {
    let lines;
    try {
      lines = readFileSync(path.join(ROOT, file), "utf8").split("\n");
    } catch (error) {
      if (error.code === "ENOENT") continue; // deleted, not yet committed
      throw error;
    }
    lines.forEach((line, index) => {
      for (const { what, pattern } of FORBIDDEN) if (pattern.test(line)) found.push(`${file}:${index + 1}: ${what}: ${line.trim().slice(0, 120)}`);
    });
  }
  if (found.length > 0) throw new Problem(found.join("\n"));
  process.stdout.write(`${files.length} files\n`);
});
