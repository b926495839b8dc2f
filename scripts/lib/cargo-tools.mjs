// The pinned Rust programs that builds need, installed into the cache unless the right version is there already. Called by setup.mjs.
import path from "node:path";
import { CACHE, TOOLS } from "./paths.mjs";
import { capture, mustRun, say, which } from "./run.mjs";

const PINNED = [
  // Its output format must match the crate's version in Cargo.lock exactly, and that one is what libp2p's browser crates pin.
  { crate: "wasm-bindgen-cli", program: "wasm-bindgen", version: "0.2.108" },
  { crate: "wasm-pack", program: "wasm-pack", version: "0.15.1" },
];

/** Makes sure that each pinned program is in the cache or, in the right version, on PATH. */
export async function ensureCargoTools() {
  for (const { crate, program, version } of PINNED) {
    const candidates = [path.join(TOOLS, "bin", program), which(program)].filter(Boolean);
    if (candidates.some((file) => capture(file, ["--version"])?.split(" ")[1] === version)) continue;
    say(`installing ${crate} ${version} (a minute or two)`);
    await mustRun(`Installing ${crate}`, "cargo", ["install", "--locked", "--quiet", "--root", TOOLS, "--version", version, crate], {
      // Not the folder of the tree: its rust-toolchain.toml and .cargo are not the tools' business.
      cwd: CACHE,
      env: { ...process.env, CARGO_TARGET_DIR: path.join(CACHE, "target", "tools") },
      quiet: true,
    });
  }
}
