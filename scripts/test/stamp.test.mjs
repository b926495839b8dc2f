import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { filesBelow, hashFiles, isFresh, markFresh } from "../lib/stamp.mjs";

let dir;
beforeEach(() => (dir = mkdtempSync(path.join(tmpdir(), "avatar-stamp-"))));
afterEach(() => rmSync(dir, { recursive: true }));

test("a step is skipped exactly when inputs and outputs are as it left them", () => {
  const [input, output, stamp] = ["in", "out", "deep/stamp"].map((name) => path.join(dir, name));
  writeFileSync(input, "1");
  writeFileSync(output, "");
  const hash = () => hashFiles([input]);
  assert.equal(isFresh(stamp, hash(), [output]), false);
  markFresh(stamp, hash());
  assert.equal(isFresh(stamp, hash(), [output]), true);
  writeFileSync(input, "2");
  assert.equal(isFresh(stamp, hash(), [output]), false);
  writeFileSync(input, "1");
  rmSync(output);
  assert.equal(isFresh(stamp, hash(), [output]), false);
});

test("content cannot pass from one file to its neighbour unnoticed", () => {
  const [a, b] = ["a", "b"].map((name) => path.join(dir, name));
  writeFileSync(a, "xy");
  writeFileSync(b, "z");
  const before = hashFiles([a, b]);
  writeFileSync(a, "x");
  writeFileSync(b, "yz");
  assert.notEqual(hashFiles([a, b]), before);
});

test("installed and built folders are no inputs", () => {
  mkdirSync(path.join(dir, "node_modules"));
  mkdirSync(path.join(dir, "src"));
  writeFileSync(path.join(dir, "node_modules", "x"), "");
  writeFileSync(path.join(dir, "src", "y"), "");
  assert.deepEqual(filesBelow(dir, path.join(dir, "absent")), [path.join(dir, "src", "y")]);
});
