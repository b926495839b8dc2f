// The built Meta Unit under a host that does what no host may. AVATAR_PKG_DIST names another build.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { PKG_DIST } from "../../e2e/lib/paths.mjs";
import { GUEST_CHECKS } from "../kit/guest-checks.mjs";
import { GUEST_MUTANTS } from "../kit/guest-mutants.mjs";
import { HostileHost } from "../kit/hostile-host.mjs";

const module = await WebAssembly.compile(await readFile(path.join(PKG_DIST, "meta_unit.wasm")));
const hosts = (options) => ({ fresh: () => new HostileHost(module, options), started: () => new HostileHost(module, options).start() });

for (const { name, cites, run } of GUEST_CHECKS) test(`${cites.join(", ")}: ${name}`, () => run(hosts()));

for (const [name, { must, mutate }] of Object.entries(GUEST_MUTANTS)) {
  test(`${must}: a guest that ${name} fails a check that cites it, and no other`, () => {
    // The slow ones are run where they can fail rightly.
    const asked = GUEST_CHECKS.filter(({ cites, isSlow }) => !isSlow || cites.includes(must));
    const failed = asked.filter(({ run }) => {
      try {
        run(hosts({ mutate }));
        return false;
      } catch {
        return true;
      }
    });
    assert.notEqual(failed.length, 0, "no check noticed");
    assert.deepEqual(failed.filter(({ cites }) => !cites.includes(must)).map((check) => check.name), []);
  });
}

test("for each MUST of the guest there is a guest that breaks it", () => {
  const cited = new Set(GUEST_CHECKS.flatMap(({ cites }) => cites));
  const broken = new Set(Object.values(GUEST_MUTANTS).map(({ must }) => must));
  assert.deepEqual([...cited].sort(), [...broken].sort());
});
