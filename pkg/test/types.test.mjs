import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";
import { test } from "node:test";

const require = createRequire(import.meta.url);
const here = import.meta.dirname;

/** Runs a program of node_modules; its output is the message of the failure. */
function run(program, ...parameters) {
  try {
    execFileSync(process.execPath, [program, ...parameters], { cwd: path.dirname(here), encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    assert.fail(`${error.stdout}${error.stderr}`);
  }
}

function compile(files, ...flags) {
  const tsc = path.join(path.dirname(require.resolve("typescript/package.json")), "bin", "tsc");
  run(tsc, "--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022", "--lib", "es2023,esnext.disposable,dom,dom.iterable,dom.asynciterable", ...flags, "--ignoreConfig", ...files.map((file) => path.join(here, "types", file)));
}

test("a strict TypeScript project finds the types, by import and by require, in Node and with a bundler, library checks included", () => {
  compile(["consumer.mts", "consumer.cts"], "--module", "nodenext");
  compile(["consumer.mts"], "--module", "esnext", "--moduleResolution", "bundler");
});

test("every public item is documented", () => {
  run("scripts/docs.mjs", "--check");
});
