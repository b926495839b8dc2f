// Builds what the pages load: our node as WebAssembly, and js-libp2p's in one file.
import { mkdirSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { cargoEnv } from "../../../scripts/lib/env.mjs";
import { CACHE, ROOT, WORKSPACES } from "../../../scripts/lib/paths.mjs";
import { mustRun } from "../../../scripts/lib/run.mjs";

const TARGET = "wasm32-unknown-unknown";
const OUT = path.join(CACHE, "webrtc-tests");

/** Builds once a process. Gives what `serve` takes: URL prefixes and their folders. */
export async function buildApp() {
  built ??= buildAll();
  return built;
}
let built;

async function buildAll() {
  const peer = path.join(OUT, "peer");
  mkdirSync(peer, { recursive: true });
  const env = cargoEnv("root", { wasm: true });
  await mustRun("Building the test peer", "cargo", ["build", "--quiet", "--package", "webrtc-test-peer", "--profile", "peer", "--target", TARGET], { cwd: ROOT, env });
  const module = path.join(WORKSPACES.root.target, TARGET, "peer", "webrtc_test_peer.wasm");
  await mustRun("Binding the test peer", "wasm-bindgen", ["--target", "web", "--no-typescript", "--out-dir", peer, module], { cwd: ROOT, env });
  await build({
    entryPoints: { "js-peer": path.join(import.meta.dirname, "js-peer.mjs") },
    bundle: true,
    format: "esm",
    platform: "browser",
    outdir: OUT,
    logLevel: "error",
    absWorkingDir: ROOT,
  });
  return { "/": path.join(ROOT, "webrtc/tests/app"), "/peer/": peer, "/shim/": path.join(ROOT, "webrtc/shim"), "/js/": OUT };
}
