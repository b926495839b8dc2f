// Builds conformance.wasm, and the variants of it that a host has to refuse, into out/. `node build.mjs`; also called by the kit itself when something changed.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { goldenBoundary } from "../../scripts/lib/boundary.mjs";
import { cargoEnv } from "../../scripts/lib/env.mjs";
import { withLock } from "../../scripts/lib/lock.mjs";
import { ROOT, WORKSPACES, lockFile } from "../../scripts/lib/paths.mjs";
import { mustRun, say } from "../../scripts/lib/run.mjs";
import { filesBelow, hashFiles, isFresh, markFresh } from "../../scripts/lib/stamp.mjs";
import { customSection, withCustomSection, withoutExports } from "../../scripts/lib/wasm-module.mjs";

const HERE = import.meta.dirname;
const OUT = path.join(HERE, "out");
const { dir: GUEST, target: TARGET } = WORKSPACES.conformance;
const TRIPLE = "wasm32-unknown-unknown";

/** The guest. */
export const CONFORMANCE_WASM = path.join(OUT, "conformance.wasm");

/** What a host must refuse before it runs any of it (H6), by the words that say why. */
export const FOREIGN_MODULES = {
  "of major version 2": path.join(OUT, "major-2.wasm"),
  "that needs a host of minor version 9": path.join(OUT, "needs-minor-9.wasm"),
  "without avatar:abi": path.join(OUT, "no-abi.wasm"),
  "whose avatar:abi is cut off": path.join(OUT, "cut-abi.wasm"),
};

/** Builds what changed. */
export async function build() {
  const inputs = filesBelow(...["Cargo.toml", "Cargo.lock", "src"].map((file) => path.join(GUEST, file)), ...["proto/src", "proto/dao", "proto/boundary.txt", "scripts/lib/wasm-module.mjs"].map((file) => path.join(ROOT, file)), import.meta.filename);
  const stamp = path.join(OUT, ".stamp");
  const outputs = [CONFORMANCE_WASM, ...Object.values(FOREIGN_MODULES)];
  await withLock(lockFile("conformance"), async () => {
    const hash = hashFiles(inputs, process.version);
    if (isFresh(stamp, hash, outputs)) return;
    say("conformance.wasm: building");
    await compile();
    markFresh(stamp, hash);
  });
}

async function compile() {
  const env = cargoEnv("conformance", { wasm: true });
  const lock = process.env.CI ? ["--locked"] : [];
  await mustRun("Building conformance.wasm", "cargo", ["build", "--release", "--quiet", "--target", TRIPLE, ...lock], { cwd: GUEST, env });
  const exported = new Set(goldenBoundary().filter((line) => line.startsWith("export ")).map((line) => line.split(" ")[2]));
  const linked = withoutExports(readFileSync(path.join(TARGET, TRIPLE, "release", "conformance.wasm")), (name) => exported.has(name));
  const identified = withCustomSection(linked, "avatar:build", createHash("sha256").update(linked).digest());
  mkdirSync(OUT, { recursive: true });
  write(CONFORMANCE_WASM, identified);
  const [major2, minor9, none, cut] = Object.values(FOREIGN_MODULES);
  write(major2, withAbi(identified, [2, 0, 0, 0, 0, 0]));
  write(minor9, withAbi(identified, [1, 0, 9, 0, 9, 0]));
  write(none, withAbi(identified, undefined));
  write(cut, withAbi(identified, [1, 0, 0]));
}

/** A file is there wholly or not at all, whoever reads it meanwhile. */
function write(file, bytes) {
  writeFileSync(`${file}.${process.pid}`, bytes);
  renameSync(`${file}.${process.pid}`, file);
}

/** The module with another `avatar:abi`, or with none. */
function withAbi(wasm, abi) {
  const section = customSection(wasm, "avatar:abi");
  const bytes = Buffer.from(wasm);
  const at = section.byteOffset - wasm.byteOffset;
  if (abi?.length === section.length) {
    bytes.set(abi, at);
    return bytes;
  }
  // Under another name the section is one that nobody looks for.
  bytes.write("x", at - "avatar:abi".length, "latin1");
  return abi ? withCustomSection(bytes, "avatar:abi", Buffer.from(abi)) : bytes;
}

if (process.argv[1] === import.meta.filename) await build();
