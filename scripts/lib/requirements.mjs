// What no script can install for a person: checked first, each with one clear sentence. Called by setup.mjs.
import { Problem, capture, which } from "./run.mjs";

const MIN_NODE_MAJOR = 20;
const MIN_RUST = [1, 95];

/** Throws a Problem that says what is missing and where it comes from. */
export function checkRequirements() {
  if (Number(process.versions.node.split(".")[0]) < MIN_NODE_MAJOR) throw new Problem(`Node ${process.versions.node} is too old: install Node ${MIN_NODE_MAJOR} or newer.`);
  if (!which("npm")) throw new Problem("npm is missing: install Node with npm.");
  if (!which("rustup") || !which("cargo")) throw new Problem("rustup is missing: install Rust from https://rustup.rs and run this again.");
  if (!which("cc") && !process.env.CC) throw new Problem("A C compiler is missing: install gcc or clang (Debian: apt-get install gcc libc6-dev).");
  const version = capture("rustc", ["-V"]);
  const found = /^rustc (\d+)\.(\d+)/.exec(version ?? "");
  if (!found) throw new Problem("rustup has no working Rust toolchain: run `rustup default stable`.");
  const [major, minor] = [Number(found[1]), Number(found[2])];
  if (major < MIN_RUST[0] || (major === MIN_RUST[0] && minor < MIN_RUST[1])) throw new Problem(`Rust ${major}.${minor} is too old: run \`rustup update stable\` (${MIN_RUST.join(".")} or newer is needed).`);
}
