// Builds the WebAssembly modules into pkg/wasm-out. Called by build.mjs.
//
// A result is kept in the cache under a hash of all that it was made from, so a fresh clone with a warm cache copies it instead of linking for minutes.
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { goldenBoundary } from "./boundary.mjs";
import { cargoEnv, toolEnv } from "./env.mjs";
import { CACHE, ROOT, WORKSPACES } from "./paths.mjs";
import { capture, mustRun, say } from "./run.mjs";
import { filesBelow, hashFiles } from "./stamp.mjs";
import { customSection, withCustomSection, withRenamed, withoutExports } from "./wasm-module.mjs";

const TARGET = "wasm32-unknown-unknown";
const OUT = path.join(ROOT, "pkg", "wasm-out");
const ARTIFACTS = path.join(CACHE, "artifacts");
/** Enough for a few branches; each is a few MB. */
const KEPT_ARTIFACTS = 12;

/** What engines of 2023 have. Named one by one: with --all-features wasm-opt emits proposals that engines refuse. */
const FEATURES = ["bulk-memory", "bulk-memory-opt", "sign-ext", "mutable-globals", "nontrapping-float-to-int", "multivalue", "reference-types", "call-indirect-overlong"];

/**
 * The modules. `optimize`: what wasm-opt is told; `inputs` is all that can change the result.
 */
export const MODULES = {
  meta_unit: {
    // Measured: -Os is 3 KB (brotli) smaller than -Oz here; again and again until nothing changes, 3 KB more.
    optimize: ["-Os", "--converge"],
    files: ["meta_unit.wasm"],
    inputs: ["meta-unit/Cargo.toml", "meta-unit/Cargo.lock", "meta-unit/.cargo", "meta-unit/build.rs", "meta-unit/src", "meta-unit/vault/Cargo.toml", "meta-unit/vault/src", "meta-unit/vault/ciphers", "meta-unit/vault/signer", "meta-unit/peers/Cargo.toml", "meta-unit/peers/src", "meta-unit/credentials/Cargo.toml", "meta-unit/credentials/src", "meta-unit/credentials/json", "meta-unit/credentials/contexts", "meta-unit/shims", "meta-unit/host", "avatar-host/src", "meta-unit/proto", "proto/Cargo.toml", "proto/build.rs", "proto/src", "proto/dao"],
    build: buildMetaUnit,
  },
  avatar_web: {
    optimize: ["-Oz"],
    files: ["avatar_web_bg.wasm", "avatar_web.js", "avatar_web.d.ts"],
    inputs: ["Cargo.toml", "Cargo.lock", ".cargo", "avatar-web/Cargo.toml", "avatar-web/.cargo", "avatar-web/build.rs", "avatar-web/src", "avatar-host/Cargo.toml", "avatar-host/src", "proto/Cargo.toml", "proto/build.rs", "proto/src", "proto/dao"],
    build: (out, optimize) => buildWithGlue("avatar-web", "avatar_web", out, optimize),
  },
  avatar_p2p: {
    optimize: ["-Oz"],
    files: ["avatar_p2p_bg.wasm", "avatar_p2p.js", "avatar_p2p.d.ts"],
    inputs: ["Cargo.toml", "Cargo.lock", ".cargo", "avatar-web/p2p/Cargo.toml", "avatar-web/p2p/src", "webrtc/Cargo.toml", "webrtc/src", "proto/Cargo.toml", "proto/build.rs", "proto/src", "proto/dao"],
    build: (out, optimize) => buildWithGlue("avatar-web/p2p", "avatar_p2p", out, optimize),
  },
};

/** Builds what changed, of these modules or of all; afterwards pkg/wasm-out holds them and their glue. */
export async function buildWasm(names = Object.keys(MODULES)) {
  for (const name of names) await buildModule(name, MODULES[name]);
}

async function buildModule(name, { optimize, files, inputs, build }) {
  const hash = inputHash(inputs, optimize);
  const artifact = path.join(ARTIFACTS, `${name}-${hash}`);
  if (!existsSync(artifact)) {
    say(`${name}: building in release mode`);
    const staging = `${artifact}.${process.pid}`;
    rmSync(staging, { recursive: true, force: true });
    mkdirSync(staging, { recursive: true });
    try {
      await build(staging, optimize);
    } catch (error) {
      rmSync(staging, { recursive: true, force: true });
      throw error;
    }
    rmSync(artifact, { recursive: true, force: true });
    renameSync(staging, artifact);
    forgetOldArtifacts(name);
  }
  const now = new Date();
  utimesSync(artifact, now, now);
  mkdirSync(OUT, { recursive: true });
  for (const file of files) copyIfDifferent(path.join(artifact, file), path.join(OUT, file));
}

function inputHash(inputs, optimize) {
  const compiler = capture("rustc", ["-Vv"], { cwd: ROOT, env: cargoEnv("root", { wasm: true }) });
  const own = ["scripts/lib/wasm-steps.mjs", "scripts/lib/wasm-module.mjs", "proto/boundary.txt", "scripts/lib/cargo-tools.mjs", "node_modules/binaryen/package.json"];
  return hashFiles(filesBelow(...[...inputs, ...own].map((file) => path.join(ROOT, file))), `${compiler}\0${optimize}`).slice(0, 32);
}

/** A file that is the same keeps its time, so nothing that watches it builds again. */
function copyIfDifferent(from, to) {
  const content = readFileSync(from);
  if (existsSync(to) && readFileSync(to).equals(content)) return;
  writeFileSync(`${to}.new`, content);
  renameSync(`${to}.new`, to);
}

function forgetOldArtifacts(name) {
  const old = readdirSync(ARTIFACTS)
    .filter((entry) => entry.startsWith(`${name}-`))
    .map((entry) => path.join(ARTIFACTS, entry))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)
    .slice(KEPT_ARTIFACTS);
  for (const entry of old) rmSync(entry, { recursive: true, force: true });
}

async function buildMetaUnit(out, optimize) {
  const { dir, target } = WORKSPACES["meta-unit"];
  await mustRun("Building the Meta Unit", "cargo", ["build", "--release", "--target", TARGET, "--lib", ...lockfileFlags(), ...rustFlags()], { cwd: dir, env: { ...cargoEnv("meta-unit", { wasm: true }), ...UNSTABLE } });
  const linked = readFileSync(path.join(target, TARGET, "release", "meta_unit.wasm"));
  // rustc exports __heap_base and __data_end unasked, and whatever is no_mangle in a dependency; a host gets what the ABI says and nothing else.
  const exported = new Set(goldenBoundary().filter((line) => line.startsWith("export ")).map((line) => line.split(" ")[2]));
  const trimmed = path.join(out, "trimmed.wasm");
  writeFileSync(trimmed, withoutExports(linked, (name) => exported.has(name)));
  await finish(trimmed, path.join(out, "meta_unit.wasm"), optimize);
  rmSync(trimmed);
}

/** A crate with wasm-bindgen: the module and its glue. */
async function buildWithGlue(dir, name, out, optimize) {
  // wasm-pack takes its output folder relative to the crate.
  const crate = path.join(ROOT, dir);
  const generated = path.join(out, "generated");
  await mustRun(
    `Building ${dir}`,
    "wasm-pack",
    ["--log-level", "error", "build", "--mode", "no-install", "--target", "web", "--release", "--no-pack", "--no-opt", "--out-dir", path.relative(crate, generated), ".", ...lockfileFlags(), ...rustFlags()],
    { cwd: crate, env: { ...cargoEnv("root", { wasm: true }), ...UNSTABLE } },
  );
  const [module, glue] = [path.join(generated, `${name}_bg.wasm`), path.join(generated, `${name}.js`)];
  const short = shortNames(readFileSync(glue, "utf8"));
  writeFileSync(glue, short.glue);
  writeFileSync(module, withRenamed(readFileSync(module), short.rename));
  await finish(module, path.join(out, `${name}_bg.wasm`), optimize);
  for (const file of [`${name}.js`, `${name}.d.ts`]) cpSync(path.join(generated, file), path.join(out, file));
  rmSync(generated, { recursive: true });
}

/** wasm-bindgen names what passes between module and glue by a hash each, which no compression shortens: a kilobyte and a half (brotli) for every hundred names. */
function shortNames(glue) {
  const long = /\b(?:__wbg_\w+_[0-9a-f]{16}|__wbindgen_cast_[0-9a-f]{16}|wasm_bindgen_[0-9a-f]{16}___\w+)\b/g;
  const names = [...new Set(glue.match(long))].sort();
  const short = new Map(names.map((name, at) => [name, `$${at.toString(36)}`]));
  return { glue: glue.replaceAll(long, (name) => short.get(name)), rename: (name) => short.get(name) ?? name };
}

/** In CI a lockfile that does not fit is an error; at a desk cargo may write it. */
function lockfileFlags() {
  return process.env.CI ? ["--locked"] : [];
}

/** Two flags of `rustFlags` are not stable yet; this lets the pinned stable compiler take them. Nothing in the sources relies on it. */
const UNSTABLE = { RUSTC_BOOTSTRAP: "1" };

/**
 * Panic messages name source files: where this machine keeps them is nobody's business, and would make every build different.
 * Without those places, and without the text of `{:?}` (in panics and logs alone), the first load is about 30 KB (brotli) smaller. Development builds keep both.
 */
function rustFlags() {
  const cargoHome = process.env.CARGO_HOME || path.join(process.env.HOME ?? "", ".cargo");
  const flags = [`--remap-path-prefix=${cargoHome}/registry/src=registry`, `--remap-path-prefix=${ROOT}=avatar`, "-Zlocation-detail=none", "-Zfmt-debug=none"];
  return ["--config", `target.${TARGET}.rustflags=${JSON.stringify(flags)}`];
}

/** wasm-opt, then the build id: the SHA-256 of the module as it is before that section is appended (ABI.md, `avatar:build`). */
async function finish(from, to, optimize) {
  const flags = [...optimize, ...FEATURES.map((feature) => `--enable-${feature}`), "--strip-debug", "--strip-producers", "--strip-target-features"];
  await mustRun("Optimizing the module", "wasm-opt", [...flags, from, "-o", to], { cwd: ROOT, env: toolEnv(), quiet: true });
  const optimized = readFileSync(to);
  if (customSection(optimized, "avatar:build")) throw new Error(`${from} already has a build id`);
  writeFileSync(to, withCustomSection(optimized, "avatar:build", createHash("sha256").update(optimized).digest()));
}
