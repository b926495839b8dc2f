// Finds or makes a Rust toolchain that can build for wasm32-unknown-unknown. Called by setup.mjs.
//
// First choice: rustup's own target. Where rustup can download nothing, Debian's `rustc-web` comes with the source of its standard library: we build that for wasm
// once, put it into a sysroot of our own in the cache, and link that as the rustup toolchain `web`. The system's own folders stay as they are.
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { installDebian } from "./debian.mjs";
import { CACHE } from "./paths.mjs";
import { Problem, capture, mustRun, run, say } from "./run.mjs";

const TARGET = "wasm32-unknown-unknown";
const LINKED_NAME = "web";
/** A download that has not ended by then is not going to: the machine has no way out. */
const RUSTUP_TIMEOUT_MS = 90_000;
/** rustup gives up much later than it knows that nothing answers; without a network this is the time that a first setup loses. */
const RUSTUP_PROBE_ENV = { RUSTUP_MAX_RETRIES: "1" };
const DEBIAN_RUSTC = "/usr/bin/rustc";
const DEBIAN_SOURCE = "/usr/src";
const SYSROOT = path.join(CACHE, "toolchains", LINKED_NAME);
const NAME_FILE = path.join(CACHE, "wasm-toolchain");

/** The rustup toolchain that builds wasm ("" = the default one), as the last setup left it; read by env.mjs and env.sh. */
export function wasmToolchainName() {
  return existsSync(NAME_FILE) ? readFileSync(NAME_FILE, "utf8").trim() : "";
}

function hasTarget(toolchain) {
  const env = { ...process.env, ...(toolchain && { RUSTUP_TOOLCHAIN: toolchain }) };
  const dir = capture("rustc", ["--print", "target-libdir", "--target", TARGET], { env });
  return dir !== null && existsSync(dir) && readdirSync(dir).some((file) => /^libstd-.*\.rlib$/.test(file));
}

function remember(name) {
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(NAME_FILE, `${name}\n`);
}

/** Makes sure that there is a toolchain with the wasm target, and returns its name for RUSTUP_TOOLCHAIN ("" = the default one). */
export async function ensureWasmToolchain() {
  if (hasTarget("")) {
    remember("");
    return "";
  }
  if (hasTarget(LINKED_NAME)) {
    remember(LINKED_NAME);
    return LINKED_NAME;
  }
  if (await linkedFromCache()) return LINKED_NAME;

  say(`asking rustup for ${TARGET}`);
  const added = await run("rustup", ["target", "add", TARGET], {
    env: { ...process.env, ...RUSTUP_PROBE_ENV },
    quiet: true,
    timeoutMs: RUSTUP_TIMEOUT_MS,
  });
  if (added.code === 0 && hasTarget("")) {
    remember("");
    return "";
  }
  say("rustup could not download it; building the standard library from Debian's source instead (about a minute)");
  await buildFromDebian();
  if (!hasTarget(LINKED_NAME)) throw new Problem(`No Rust toolchain for ${TARGET}: neither rustup's target nor the one built from Debian's rustc-web works.`);
  remember(LINKED_NAME);
  return LINKED_NAME;
}

/** A sysroot made by an earlier run serves again if Debian's compiler is still the one that it was built with. */
async function linkedFromCache() {
  const versionFile = path.join(SYSROOT, "version");
  if (!existsSync(versionFile)) return false;
  await installDebianRust();
  if (readFileSync(versionFile, "utf8") !== debianVersion()) return false;
  await link();
  if (!hasTarget(LINKED_NAME)) return false;
  remember(LINKED_NAME);
  return true;
}

function installDebianRust() {
  return installDebian(["rustc-web", "rust-web-src"], "building WebAssembly where rustup cannot download its target");
}

function debianVersion() {
  return capture(DEBIAN_RUSTC, ["-Vv"]);
}

async function link() {
  await mustRun("Linking the toolchain", "rustup", ["toolchain", "link", LINKED_NAME, SYSROOT], { quiet: true });
}

async function buildFromDebian() {
  await installDebianRust();
  const version = debianVersion();
  if (!version) throw new Problem(`${DEBIAN_RUSTC} does not run, although Debian's rustc-web is installed.`);
  const host = /^host: (.+)$/m.exec(version)[1];
  const release = /^release: (.+)$/m.exec(version)[1];

  const staging = `${SYSROOT}.${process.pid}`;
  rmSync(staging, { recursive: true, force: true });
  makeSysroot(staging, host);
  await buildStandardLibrary(staging, release);
  writeFileSync(path.join(staging, "version"), version);
  rmSync(SYSROOT, { recursive: true, force: true });
  renameSync(staging, SYSROOT);
  // The wrappers name the sysroot by its place, so they are written again where it stays.
  writeWrappers(SYSROOT);
  await link();
}

/** The folders of a toolchain: wrappers around Debian's programs, its libraries for the host by symlink, and room for those for wasm. */
function makeSysroot(sysroot, host) {
  const rustlib = path.join(sysroot, "lib", "rustlib");
  mkdirSync(path.join(rustlib, host, "bin"), { recursive: true });
  mkdirSync(path.join(rustlib, TARGET, "lib"), { recursive: true });
  symlinkSync(`/usr/lib/rustlib/${host}/lib`, path.join(rustlib, host, "lib"));
  // Debian ships no linker for wasm; rustup's toolchain brings rust-lld, which is LLVM's.
  const rustupSysroot = capture("rustc", ["--print", "sysroot"]);
  const linker = path.join(rustupSysroot, "lib", "rustlib", host, "bin", "rust-lld");
  if (!existsSync(linker)) throw new Problem(`The linker rust-lld is not in rustup's default toolchain (${linker}).`);
  symlinkSync(realpathSync(linker), path.join(rustlib, host, "bin", "rust-lld"));
  writeWrappers(sysroot);
}

function writeWrappers(sysroot) {
  const bin = path.join(sysroot, "bin");
  mkdirSync(bin, { recursive: true });
  for (const program of ["rustc", "rustdoc"]) {
    const file = path.join(bin, program);
    writeFileSync(file, `#!/bin/sh\nexec /usr/bin/${program} --sysroot '${sysroot}' "$@"\n`);
    chmodSync(file, 0o755);
  }
}

async function buildStandardLibrary(sysroot, release) {
  const source = path.join(DEBIAN_SOURCE, `rustc-${release}`);
  if (!existsSync(path.join(source, "library", "std"))) throw new Problem(`The library's source is not in ${source}, although Debian's rust-web-src is installed.`);
  const rustlib = path.join(sysroot, "lib", "rustlib");
  mkdirSync(path.join(rustlib, "src"), { recursive: true });
  symlinkSync(source, path.join(rustlib, "src", "rust"));

  const crate = path.join(CACHE, "toolchains", `std-build.${process.pid}`);
  mkdirSync(path.join(crate, "src"), { recursive: true });
  writeFileSync(path.join(crate, "Cargo.toml"), '[package]\nname = "std-build"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n');
  writeFileSync(path.join(crate, "src", "lib.rs"), "");
  const target = path.join(crate, "target");
  const env = {
    ...process.env,
    RUSTC: path.join(sysroot, "bin", "rustc"),
    RUSTC_BOOTSTRAP: "1",
    // Without bitcode in the libraries, a build with `lto = true` cannot link them.
    RUSTFLAGS: "-Cembed-bitcode=yes",
    CARGO_TARGET_DIR: target,
  };
  await mustRun("Building the standard library for wasm", "cargo", ["build", "--release", "-Zbuild-std=std,panic_abort,panic_unwind,test", "--target", TARGET], { cwd: crate, env, quiet: true });
  const deps = path.join(target, TARGET, "release", "deps");
  for (const file of readdirSync(deps)) {
    if (file.endsWith(".rlib") && !file.startsWith("libstd_build-")) cpSync(path.join(deps, file), path.join(rustlib, TARGET, "lib", file));
  }
  rmSync(crate, { recursive: true, force: true });
}
