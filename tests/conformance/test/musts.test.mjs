// Every MUST of proto/ABI.md is cited by a check, and every check cites a MUST that is there.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { CHECKS } from "../kit/checks/index.mjs";
import { GUEST_CHECKS } from "../kit/guest-checks.mjs";
import { P2P_CHECKS } from "../kit/p2p-checks.mjs";

const ABI = await readFile(path.join(import.meta.dirname, "../../../proto/ABI.md"), "utf8");
/** The numbers in bold are the requirements. */
const musts = (letter) => [...new Set([...ABI.matchAll(new RegExp(`\\*\\*(${letter}\\d+)\\*\\*`, "g"))].map(([, must]) => must))].sort();
const cited = (checks) => [...new Set(checks.flatMap(({ cites }) => cites))].sort();

test("every MUST for hosts is cited by a check of the conformance guest, and no other is", () => {
  assert.equal(musts("H").length, 29);
  assert.deepEqual(cited([...CHECKS, ...P2P_CHECKS]), musts("H"));
});

test("every MUST for the guest is cited by a check of the hostile host, and no other is", () => {
  assert.equal(musts("G").length, 7);
  assert.deepEqual(cited(GUEST_CHECKS), musts("G"));
});

test("no two checks have one name", () => {
  for (const checks of [[...CHECKS, ...P2P_CHECKS], GUEST_CHECKS]) assert.equal(new Set(checks.map(({ name }) => name)).size, checks.length);
});
