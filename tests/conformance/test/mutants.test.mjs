// The kit's own proof: hosts that break one MUST each fail the checks that cite it, and no other; and there is no check that nothing can fail.
import assert from "node:assert/strict";
import { test } from "node:test";
import { build } from "../build.mjs";
import { CHECKS } from "../kit/checks/index.mjs";
import { runChecks } from "../kit/runner.mjs";
import { MUTANTS } from "../hosts/reference/mutants/index.mjs";
import { HOSTS } from "../kit/hosts.mjs";

const reference = HOSTS.find(({ name }) => name === "reference");
/** Mutants at work at once: most of their time they wait. */
const AT_ONCE = 6;

/** The names of the checks that a mutant has to fail. */
function expected({ must, fails }) {
  const citing = CHECKS.filter(({ cites }) => cites.includes(must)).map(({ name }) => name);
  if (!fails) return citing;
  return fails.map((words) => {
    const named = citing.filter((name) => name === words || name.includes(words));
    const [exact] = citing.filter((name) => name.startsWith(words));
    assert.ok(named.length === 1 || exact, `"${words}" names ${named.length} checks that cite ${must}`);
    return named.length === 1 ? named[0] : exact;
  });
}

await build();

test("a host that breaks a MUST fails exactly the checks that cite it", { concurrency: AT_ONCE }, async (context) => {
  await Promise.all(
    Object.entries(MUTANTS).map(([name, mutant]) =>
      context.test(`${mutant.must}: a host that ${name}`, async () => {
        const results = await runChecks([...reference.command, "--break", name], { claims: reference.claims });
        const failed = results.filter(({ state }) => state === "failed");
        const words = failed.map(({ check, words }) => `${check.cites} ${check.name}: ${words}`).join("\n");
        assert.deepEqual(failed.map(({ check }) => check.name).sort(), expected(mutant).sort(), words);
      }),
    ),
  );
});

test("for each check and each MUST that it cites there is a host that fails it", () => {
  const proven = new Set(Object.values(MUTANTS).flatMap((mutant) => expected(mutant).map((name) => `${mutant.must} ${name}`)));
  const unproven = CHECKS.flatMap(({ name, cites }) => cites.map((must) => `${must} ${name}`)).filter((claim) => !proven.has(claim));
  assert.deepEqual(unproven, []);
});
