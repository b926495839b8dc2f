import assert from "node:assert/strict";
import { test } from "node:test";
import { isAccepted } from "../check-licences.mjs";

const accepted = new Set(["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"]);

for (const [expression, expected] of [
  ["MIT", true],
  ["GPL-3.0-only", false],
  ["MIT OR GPL-3.0-only", true],
  ["MIT/GPL-2.0", true],
  ["MIT AND GPL-3.0-only", false],
  ["(MIT OR Apache-2.0) AND Unicode-3.0", true],
  ["(MIT OR Apache-2.0) AND OpenSSL", false],
  ["Apache-2.0 WITH LLVM-exception OR GPL-2.0", true],
  ["GPL-2.0 WITH Classpath-exception-2.0", false],
  ["", false],
]) {
  test(`"${expression}" is ${expected ? "accepted" : "refused"}`, () => assert.equal(isAccepted(expression, accepted), expected));
}
