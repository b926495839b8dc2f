// Fails when a crate that assumes a browser, an operating system or an async runtime is in the Meta Unit's tree for wasm. Called by the suite `lint`.
import { cargoEnv } from "./lib/env.mjs";
import { WORKSPACES } from "./lib/paths.mjs";
import { Problem, capture, main } from "./lib/run.mjs";

/** The Meta Unit reaches the world by `avatar_*` only; each of these would be another way out, or a demand on the host. */
const FORBIDDEN = /^(wasm-bindgen|js-sys|web-sys|gloo|wasi|wasip2|wit-bindgen|tokio|async-std|smol|mio|socket2|reqwest|hyper|web-time|instant|rexie|idb)\b/;

await main(() => {
  const tree = capture("cargo", ["tree", "--quiet", "--edges", "normal", "--prefix", "none", "--no-dedupe", "--target", "wasm32-unknown-unknown"], {
    cwd: WORKSPACES["meta-unit"].dir,
    env: cargoEnv("meta-unit"),
  });
  if (!tree) throw new Problem("cargo tree failed in meta-unit.");
  const crates = [...new Set(tree.split("\n").filter(Boolean))];
  const found = crates.filter((crate) => FORBIDDEN.test(crate));
  if (found.length > 0) throw new Problem(`In the Meta Unit's tree, and must not be: ${found.join(", ")}. \`cargo tree -i <crate> --target wasm32-unknown-unknown\` shows who asks for it.`);
  process.stdout.write(`${crates.length} crates, none of them assumes a browser\n`);
});
