import assert from "node:assert/strict";
import { test } from "node:test";
import { countTests } from "../lib/summary.mjs";

test("reports of several cargo test binaries are added up", () => {
  const output = `
running 2 tests
test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s`;
  assert.deepEqual(countTests("cargo", 101, output), { passed: 5, failed: 1, skipped: 1 });
});

test("wasm-bindgen's runner is read like cargo test", () => {
  assert.deepEqual(countTests("cargo", 0, "test result: ok. 7 passed; 0 failed; 0 ignored; 2 filtered out; finished in 1.2s\n"), { passed: 7, failed: 0, skipped: 0 });
});

test("both reporters of node --test are read, colours or not", () => {
  const spec = "✔ a\n\x1b[34mℹ tests 4\x1b[39m\n\x1b[34mℹ pass 2\x1b[39m\n\x1b[34mℹ fail 1\x1b[39m\nℹ cancelled 1\nℹ skipped 3\nℹ todo 1\n";
  const tap = "# tests 4\n# pass 2\n# fail 1\n# cancelled 1\n# skipped 3\n# todo 1\n";
  for (const output of [spec, tap]) assert.deepEqual(countTests("node", 1, output), { passed: 2, failed: 2, skipped: 4 });
});

test("a runner that dies without naming a failed test is one failure", () => {
  assert.deepEqual(countTests("cargo", 101, "error: could not compile"), { passed: 0, failed: 1, skipped: 0 });
  assert.deepEqual(countTests("node", 1, "ℹ pass 3\nℹ fail 0\n"), { passed: 3, failed: 1, skipped: 0 });
});

test("a runner that ran nothing is a failure, even when it is content", () => {
  assert.deepEqual(countTests("cargo", 0, "test result: ok. 0 passed; 0 failed; 0 ignored;"), { passed: 0, failed: 1, skipped: 0 });
  assert.deepEqual(countTests("node", 0, ""), { passed: 0, failed: 1, skipped: 0 });
  assert.deepEqual(countTests("node", 0, "ℹ pass 0\nℹ skipped 2\n"), { passed: 0, failed: 1, skipped: 2 });
});

test("a check is one test, by its exit code", () => {
  assert.deepEqual(countTests("check", 0, ""), { passed: 1, failed: 0, skipped: 0 });
  assert.deepEqual(countTests("check", 2, ""), { passed: 0, failed: 1, skipped: 0 });
});
