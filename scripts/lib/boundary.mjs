// The golden list of the ABI's imports and exports. Read by wasm-steps.mjs and check-boundary.mjs.
import { readFileSync } from "node:fs";
import path from "node:path";
import { ROOT } from "./paths.mjs";

/** The lines of proto/boundary.txt, as `boundary` in wasm-module.mjs writes them. */
export function goldenBoundary() {
  return readFileSync(path.join(ROOT, "proto", "boundary.txt"), "utf8").split("\n").filter((line) => line && !line.startsWith("#"));
}
