// The kit's own proof: hosts that break one MUST each fail the checks that cite it, and no other; and there is no check that nothing can fail.
import assert from "node:assert/strict";
import { test } from "node:test";
import { build } from "../build.mjs";
import { CHECKS } from "../kit/checks/index.mjs";
import { P2P_CHECKS } from "../kit/p2p-checks.mjs";
import { runChecks } from "../kit/runner.mjs";
import { MUTANTS, P2P_MUTANTS } from "../hosts/reference/mutants/index.mjs";
import { HOSTS } from "../kit/hosts.mjs";

const reference = HOSTS.find(({ name }) => name === "reference");
/** Mutants at work at once: most of their time they wait. */
const AT_ONCE = 6;

/** Mutants, and the checks that they run: those of peers take a peer each, and reach nothing that the other mutants change. */
const TABLES = [
  { words: "", mutants: MUTANTS, checks: CHECKS },
  { words: " for peers", mutants: P2P_MUTANTS, checks: P2P_CHECKS },
];

/** The names of the checks that a mutant has to fail. */
function expected({ must, fails }, checks) {
  const citing = checks.filter(({ cites }) => cites.includes(must)).map(({ name }) => name);
  if (!fails) return citing;
  return fails.map((words) => {
    const named = citing.filter((name) => name === words || name.includes(words));
    const [exact] = citing.filter((name) => name.startsWith(words));
    assert.ok(named.length === 1 || exact, `"${words}" names ${named.length} checks that cite ${must}`);
    return named.length === 1 ? named[0] : exact;
  });
}

await build();

for (const { words, mutants, checks } of TABLES) {
  test(`a host that breaks a MUST${words} fails exactly the checks that cite it`, { concurrency: AT_ONCE }, async (context) => {
    await Promise.all(
      Object.entries(mutants).map(([name, mutant]) =>
        context.test(`${mutant.must}: a host that ${name}`, async () => {
          const results = await runChecks([...reference.command, "--break", name], { claims: reference.claims, checks });
          const failed = results.filter(({ state }) => state === "failed");
          const report = failed.map(({ check, words }) => `${check.cites} ${check.name}: ${words}`).join("\n");
          assert.deepEqual(failed.map(({ check }) => check.name).sort(), expected(mutant, checks).sort(), report);
        }),
      ),
    );
  });

  test(`for each check${words} and each MUST that it cites there is a host that fails it`, () => {
    const proven = new Set(Object.values(mutants).flatMap((mutant) => expected(mutant, checks).map((name) => `${mutant.must} ${name}`)));
    const unproven = checks.flatMap(({ name, cites }) => cites.map((must) => `${must} ${name}`)).filter((claim) => !proven.has(claim));
    assert.deepEqual(unproven, []);
  });
}
