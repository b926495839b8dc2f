// What a module is made from: a crate that is missing there would leave a stale module behind when it alone changes.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { ROOT } from "../lib/paths.mjs";
import { MODULES } from "../lib/wasm-steps.mjs";

const CRATES = { meta_unit: "meta-unit", avatar_web: "avatar-web", avatar_p2p: "avatar-web/p2p" };

/** The lines of a manifest's sections of this name, those for a target among them. */
function* linesOf(manifest, section) {
  let within = false;
  for (const line of manifest.split("\n")) {
    const head = /^\[(.*)\]$/.exec(line.trim())?.[1];
    if (head !== undefined) within = head === section || head.endsWith(`.${section}`);
    else if (within) yield line;
  }
}

const pathIn = (line) => /\bpath\s*=\s*"([^"]+)"/.exec(line)?.[1];

/** Where the root's workspace keeps a crate that is one of its own. */
const rootManifest = readFileSync(path.join(ROOT, "Cargo.toml"), "utf8");
const ofWorkspace = (name) => [...linesOf(rootManifest, "workspace.dependencies")].filter((line) => line.split(/[ .=]/, 1)[0] === name).map(pathIn)[0];

/** The folders and files that a crate in this folder is made from, with those of the crates of ours that it needs. */
function madeFrom(folder, known = new Map()) {
  if (known.has(folder)) return known;
  const manifest = readFileSync(path.join(ROOT, folder, "Cargo.toml"), "utf8");
  const source = [...linesOf(manifest, "lib")].map(pathIn).find(Boolean);
  known.set(folder, [path.join(folder, "Cargo.toml"), source ? path.dirname(path.join(folder, source)) : path.join(folder, "src")]);
  for (const line of linesOf(manifest, "dependencies")) {
    const own = pathIn(line);
    const shared = /\bworkspace\s*=\s*true/.test(line) ? ofWorkspace(line.split(/[ .=]/, 1)[0]) : undefined;
    if (own) madeFrom(path.join(folder, own), known);
    else if (shared) madeFrom(shared, known);
  }
  return known;
}

for (const [name, folder] of Object.entries(CRATES)) {
  test(`${name} is built anew when any crate of ours that it is made from changes`, () => {
    const { inputs } = MODULES[name];
    const crates = madeFrom(folder);
    assert.ok(crates.size > 1, "it needs others");
    for (const place of [...crates.values()].flat()) {
      assert.ok(existsSync(path.join(ROOT, place)), place);
      assert.ok(
        inputs.some((input) => place === input || place.startsWith(`${input}/`)),
        `${place} is no input of ${name}`,
      );
    }
  });
}
