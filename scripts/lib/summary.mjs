// Reads how many tests passed from what the runners print. Called by test.mjs.

const ANSI = /\x1b\[[0-9;]*[A-Za-z]/g;

/** How each kind of runner reports; a step may print several reports (one a test binary), and they are added up. */
const REPORTS = {
  /** cargo test, and wasm-bindgen's runner, which prints the same line. */
  cargo(output) {
    return [...output.matchAll(/^test result: .*?(\d+) passed; (\d+) failed; (\d+) ignored/gm)].map(([, passed, failed, skipped]) => ({
      passed: Number(passed),
      failed: Number(failed),
      skipped: Number(skipped),
    }));
  },
  /** node --test with the reporters spec (ℹ) and tap (#). */
  node(output) {
    const sum = (...words) =>
      [...output.matchAll(/^(?:ℹ|#) (pass|fail|cancelled|skipped|todo) (\d+)\s*$/gm)].filter(([, word]) => words.includes(word)).reduce((total, [, , count]) => total + Number(count), 0);
    return [{ passed: sum("pass"), failed: sum("fail", "cancelled"), skipped: sum("skipped", "todo") }];
  },
};

/**
 * Counts of one step. A step of kind "check" is one test, passed when it exits with 0. For the others: a runner that fails without naming a failed test counts as
 * one failure, and so does a runner that ran nothing.
 */
export function countTests(kind, exitCode, output) {
  if (kind === "check") return exitCode === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
  const counts = add(REPORTS[kind](output.replace(ANSI, "")));
  const ranNothing = counts.passed + counts.failed === 0;
  if ((exitCode !== 0 && counts.failed === 0) || (exitCode === 0 && ranNothing)) counts.failed += 1;
  return counts;
}

/** The sum of several counts. */
export function add(counts) {
  const sum = (key) => counts.reduce((total, each) => total + each[key], 0);
  return { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") };
}
