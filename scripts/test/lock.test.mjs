import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { withLock } from "../lib/lock.mjs";

const dir = mkdtempSync(path.join(tmpdir(), "avatar-lock-"));
after(() => rmSync(dir, { recursive: true }));

test("two holders never overlap, and the lock is gone afterwards, also after a failure", async () => {
  const file = path.join(dir, "overlap");
  let inside = 0;
  const body = async () => {
    inside += 1;
    assert.equal(inside, 1);
    await new Promise(setImmediate);
    inside -= 1;
  };
  await Promise.all([withLock(file, body), withLock(file, body)]);
  await assert.rejects(withLock(file, () => Promise.reject(new Error("body"))), /body/);
  assert.equal(existsSync(file), false);
});

test("a lock whose holder is dead is taken over", async () => {
  const file = path.join(dir, "dead");
  const { pid } = spawnSync(process.execPath, ["--version"]);
  writeFileSync(file, String(pid));
  assert.equal(await withLock(file, async () => "done"), "done");
});
