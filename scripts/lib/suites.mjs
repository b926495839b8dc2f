// The table of suites: what `npm test` runs, in this order, and each `npm run test:<name>` alone. Read by test.mjs.
//
// A step: `title`; the command `run`; `kind`, which says how its output is counted (summary.mjs); `cwd` below the root; `env`, the environment. `skip` is the reason why it
// cannot run on this machine, where there is one.
import path from "node:path";
import { findProgram } from "./browsers.mjs";
import { cargoEnv, toolEnv } from "./env.mjs";
import { ROOT, WORKSPACES, relative } from "./paths.mjs";
import { filesBelow } from "./stamp.mjs";
import { wasmToolchainName } from "./wasm-toolchain.mjs";

const TARGET = "wasm32-unknown-unknown";

/** `needs` is what must be built before: nothing, the "wasm" modules, or "all". */
export function suites() {
  return {
    lint: { needs: "all", steps: [...scriptChecks(), ...formatting()] },
    proto: { needs: "nothing", steps: protoSteps() },
    rust: { needs: "wasm", steps: [...rustSteps("root", "host side", { wasm: true }), ...rustSteps("meta-unit", "meta-unit", { wasm: true }), interopStep()] },
    native: { needs: "all", steps: nativeSteps() },
    interop: { needs: "nothing", steps: relaySteps() },
    sim: { needs: "all", steps: [conformanceGuest(), ...rustSteps("sim", "the simulator"), ...rustSteps("fuzz", "fuzz targets", { features: [] })] },
    conformance: { needs: "all", steps: conformanceSteps() },
    web: { needs: "all", steps: webSteps() },
    webrtc: { needs: "nothing", steps: [workspaceTests("WebRTC with js-libp2p and go-libp2p, in Chromium and Firefox", "webrtc/tests")] },
    e2e: { needs: "all", steps: e2eSteps() },
    bench: { needs: "all", steps: [{ title: "the short run of the bench", kind: "check", run: ["npm", "run", "--silent", "bench", "--", "--quick"], cwd: "tests/bench", env: toolEnv() }] },
    packaging: { needs: "all", steps: [workspaceTests("packaging: every bundler", "tests/packaging")] },
  };
}

function scriptChecks() {
  const check = (title, script) => ({ title, kind: "check", run: [process.execPath, path.join(ROOT, "scripts", script)], env: toolEnv() });
  return [
    check("the first load is within its budget", "sizes.mjs"),
    check("the Meta Unit's boundary is the one of the ABI", "check-boundary.mjs"),
    check("no browser crate reaches the Meta Unit", "check-dependencies.mjs"),
    check("every dependency has a licence that we accept", "check-licences.mjs"),
    check("the tree names no machine and no registry", "check-tree.mjs"),
    check("the outside test data is there", "check-data.mjs"),
    { title: "the scripts' own tests", kind: "node", run: [process.execPath, "--test", "--test-reporter=spec", ...filesBelow(path.join(ROOT, "scripts", "test"))], env: toolEnv() },
  ];
}

function formatting() {
  const names = { root: "host side", "meta-unit": "meta-unit", native: "avatar-native", sim: "the simulator", fuzz: "fuzz targets", conformance: "the conformance guest" };
  return Object.entries(names).map(([workspace, title]) => ({ title: `rustfmt: ${title}`, kind: "check", run: ["cargo", "fmt", "--all", "--check"], cwd: relative(WORKSPACES[workspace].dir), env: cargoEnv(workspace) }));
}

function protoSteps() {
  return [
    { title: "buf lint", kind: "check", run: ["buf", "lint"], env: toolEnv() },
    { title: "no breaking change since the baseline", kind: "check", run: ["buf", "breaking", "--against", "proto/baseline.binpb"], env: toolEnv() },
  ];
}

function rustSteps(workspace, title, { wasm = false, features = ["--all-features"] } = {}) {
  const cwd = relative(WORKSPACES[workspace].dir);
  const env = cargoEnv(workspace);
  const step = (what, kind, args, more) => ({ title: `${what}: ${title}`, kind, run: ["cargo", ...args], cwd, env, ...more });
  return [
    step("clippy", "check", ["clippy", "--workspace", "--all-targets", ...features, "--", "-D", "warnings"]),
    ...(wasm ? [clippyForWasm(workspace, title)] : []),
    step("documentation", "check", ["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"], { env: { ...env, RUSTDOCFLAGS: "-D warnings" } }),
    // Properties are tried on the same cases in every run, so that a gate says the same of the same code.
    step("cargo test", "cargo", ["test", "--workspace", ...features, "--no-fail-fast"], { env: { PROPTEST_RNG_SEED: "20261124", ...env } }),
  ];
}

function clippyForWasm(workspace, title) {
  // Debian's toolchain has no clippy; where it is the one for wasm, the code behind cfg(target_arch = "wasm32") is compiled only.
  const skip = wasmToolchainName() && "clippy for wasm needs rustup's own wasm target";
  return { title: `clippy for wasm: ${title}`, kind: "check", run: ["cargo", "clippy", "--workspace", "--lib", "--target", TARGET, "--", "-D", "warnings"], cwd: relative(WORKSPACES[workspace].dir), env: cargoEnv(workspace), skip };
}

/** The program at our end of the test is an example, which `cargo test` has built. */
function interopStep() {
  const program = path.join(WORKSPACES["meta-unit"].target, "debug", "examples", "interop");
  const run = [process.execPath, "--test-reporter=spec", "interop.mjs", program];
  return { title: "credentials with the libraries that others use", kind: "node", run, cwd: "meta-unit/credentials/tests/interop", env: toolEnv() };
}

function nativeSteps() {
  const env = cargoEnv("native");
  return [
    ...rustSteps("native", "avatar-native"),
    nodeTests("the same documents as the app's import", "avatar-native", "tests/same-documents.test.mjs", env),
    nodeTests("what browsers record replays natively", "tests/replay", "replay.test.mjs", env),
  ];
}

/** For suites that start a relay. */
function programAvatar() {
  return { title: "the program avatar", kind: "check", run: ["cargo", "build", "--bin", "avatar"], cwd: "avatar-native", env: cargoEnv("native") };
}

function relaySteps() {
  return [programAvatar(), { ...workspaceTests("the relay with the libp2p of others", "tests/interop"), env: cargoEnv("native") }];
}

function e2eSteps() {
  return [programAvatar(), { ...workspaceTests("e2e: the product in three engines", "tests/e2e"), env: cargoEnv("native") }];
}

/** The simulated host is attacked by the guest of the kit, too. */
function conformanceGuest() {
  return { title: "the conformance guest is built", kind: "check", run: [process.execPath, path.join(ROOT, "tests", "conformance", "build.mjs")], env: toolEnv() };
}

function conformanceSteps() {
  return [clippyForWasm("conformance", "the conformance guest"), nodeTests("the kit on every host", "tests/conformance", "test", cargoEnv("native"))];
}

function webSteps() {
  return [
    {
      title: "avatar-web in Chromium",
      kind: "cargo",
      run: ["cargo", "test", "--package", "avatar-web", "--target", TARGET, "--tests", "--lib", "--no-fail-fast"],
      cwd: "avatar-web",
      env: {
        ...cargoEnv("root", { wasm: true }),
        CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER: "wasm-bindgen-test-runner",
        CHROMEDRIVER: findProgram("chromedriver") ?? "chromedriver",
        WASM_BINDGEN_TEST_TIMEOUT: "300",
      },
    },
    workspaceTests("the package's own tests", "pkg"),
    workspaceTests("the app's own tests", "www"),
    { title: "types of the app", kind: "check", run: ["npm", "run", "--silent", "typecheck"], cwd: "www", env: toolEnv() },
  ];
}

/** Tests that are in no npm workspace: a file, or all in a folder. */
function nodeTests(title, cwd, below, env) {
  return { title, kind: "node", run: [process.execPath, "--import", "tsx", "--test", "--test-reporter=spec", ...filesBelow(path.join(ROOT, cwd, below))], cwd, env };
}

function workspaceTests(title, cwd) {
  return { title, kind: "node", run: ["npm", "run", "--silent", "test"], cwd, env: toolEnv() };
}
