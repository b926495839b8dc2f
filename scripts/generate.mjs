// Makes pkg/src/gen, the TypeScript of the contract, from proto/ by buf.gen.yaml. Called by build.mjs and test.mjs, and by hand.
import path from "node:path";
import { toolEnv } from "./lib/env.mjs";
import { ROOT } from "./lib/paths.mjs";
import { main, mustRun, say } from "./lib/run.mjs";
import { filesBelow, hashFiles, isFresh, markFresh } from "./lib/stamp.mjs";

const OUT = path.join(ROOT, "pkg", "src", "gen");
const INPUTS = ["proto/dao", "buf.yaml", "buf.gen.yaml", "node_modules/@bufbuild/protoc-gen-es/package.json"];

/** Generates when an input changed or the output is not there. */
export async function generate() {
  const hash = hashFiles(filesBelow(...INPUTS.map((file) => path.join(ROOT, file))));
  const stamp = path.join(ROOT, "node_modules", ".avatar-build", "generate");
  if (isFresh(stamp, hash, [OUT])) return;
  say("TypeScript from proto/");
  await mustRun("Generating TypeScript from proto/", "buf", ["generate"], { cwd: ROOT, env: toolEnv() });
  markFresh(stamp, hash);
}

if (process.argv[1] === import.meta.filename) await main(generate);
