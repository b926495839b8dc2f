// `npm run test:reproducible`: builds the wasm modules twice from nothing, in two folders of different names, and compares them byte for byte. Takes as long as two clean builds.
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { toolEnv } from "./lib/env.mjs";
import { CACHE, ROOT, TOOLS } from "./lib/paths.mjs";
import { Problem, capture, main, mustRun, say } from "./lib/run.mjs";
import { setup } from "./setup.mjs";

const FILES = ["meta_unit.wasm", "avatar_web_bg.wasm", "avatar_web.js", "avatar_p2p_bg.wasm", "avatar_p2p.js"];

/** The tree in a folder of its own, with a build cache that holds the tools and nothing that was built. */
function copyTree(folder) {
  const root = path.join(folder, "tree");
  const cache = path.join(folder, "cache");
  for (const file of capture("git", ["ls-files", "-z"], { cwd: ROOT }).split("\0").filter(Boolean)) cpSync(path.join(ROOT, file), path.join(root, file));
  symlinkSync(path.join(ROOT, "node_modules"), path.join(root, "node_modules"));
  mkdirSync(cache);
  symlinkSync(TOOLS, path.join(cache, "tools"));
  cpSync(path.join(CACHE, "wasm-toolchain"), path.join(cache, "wasm-toolchain"));
  return { root, cache };
}

async function build({ root, cache }) {
  say(`building in ${root}`);
  const steps = `import(${JSON.stringify(path.join(root, "scripts", "lib", "wasm-steps.mjs"))}).then(({ buildWasm }) => buildWasm())`;
  await mustRun("A clean build", process.execPath, ["--input-type=module", "--eval", steps], { cwd: root, env: { ...toolEnv(), AVATAR_CACHE: cache } });
  return FILES.map((file) => createHash("sha256").update(readFileSync(path.join(root, "pkg", "wasm-out", file))).digest("hex"));
}

await main(async () => {
  await setup();
  const folders = ["one", "another-place"].map((name) => mkdtempSync(path.join(tmpdir(), `avatar-${name}-`)));
  let first, second;
  try {
    // Both copies before the first build: the tree may change meanwhile.
    const trees = folders.map(copyTree);
    first = await build(trees[0]);
    second = await build(trees[1]);
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true });
  }
  FILES.forEach((file, n) => process.stdout.write(`${first[n]}  ${file}\n${second[n]}  ${file}, built again\n`));
  if (first.some((hash, n) => hash !== second[n])) throw new Problem("Two clean builds differ.");
  process.stdout.write("Two clean builds are the same, byte for byte.\n");
});
