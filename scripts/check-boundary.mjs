// Compares the imports and exports of the built Meta Unit with proto/boundary.txt, the golden list of the ABI: exports are exactly these, imports only from these.
// Called by the suite `lint`.
import { readFileSync } from "node:fs";
import path from "node:path";
import { goldenBoundary } from "./lib/boundary.mjs";
import { ROOT } from "./lib/paths.mjs";
import { Problem, main } from "./lib/run.mjs";
import { boundary, customSection } from "./lib/wasm-module.mjs";

await main(() => {
  const wasm = readFileSync(path.join(ROOT, "pkg", "wasm-out", "meta_unit.wasm"));
  const golden = goldenBoundary();
  const found = boundary(wasm);
  const unknown = found.filter((line) => !golden.includes(line));
  const missing = golden.filter((line) => line.startsWith("export ") && !found.includes(line));
  const problems = [...unknown.map((line) => `not in the ABI:  ${line}`), ...missing.map((line) => `not exported:    ${line}`)];
  if (customSection(wasm, "avatar:abi")?.length !== 6) problems.push("custom section avatar:abi: major, minor and minimum host minor, 2 bytes each, are not there");
  if (customSection(wasm, "avatar:build")?.length !== 32) problems.push("custom section avatar:build: the build id of 32 bytes is not there");
  if (problems.length > 0) throw new Problem(problems.join("\n"));
  process.stdout.write(`${found.length} imports and exports, all in the ABI\n`);
});
