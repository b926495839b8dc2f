// The environment in which cargo, wasm-pack and wasm-bindgen run. Used by every script that starts one of them; env.sh is the same for a shell.
import path from "node:path";
import { CACHE, ROOT, TOOLS, WORKSPACES } from "./paths.mjs";
import { wasmToolchainName } from "./wasm-toolchain.mjs";

/** The environment for a Cargo workspace (its name in WORKSPACES); `wasm` chooses the toolchain that has the wasm target. */
export function cargoEnv(workspace, { wasm = false } = {}) {
  const toolchain = wasm ? wasmToolchainName() : "";
  return {
    ...toolEnv(),
    CARGO_TARGET_DIR: WORKSPACES[workspace].target,
    CARGO_TERM_COLOR: process.env.CARGO_TERM_COLOR ?? "never",
    ...(toolchain && { RUSTUP_TOOLCHAIN: toolchain }),
  };
}

/** The environment with the pinned tools and the npm packages' programs first on PATH. */
export function toolEnv() {
  const first = [path.join(TOOLS, "bin"), path.join(ROOT, "node_modules", ".bin")];
  return { ...process.env, AVATAR_CACHE: CACHE, PATH: [...first, process.env.PATH ?? ""].join(path.delimiter) };
}
