// `npm test` and `npm run test:<suite>`: setup, build, the suites named (or all), a table of times, and one plain line: `N passed, N failed, N skipped`.
import path from "node:path";
import { build } from "./build.mjs";
import { generate } from "./generate.mjs";
import { ROOT } from "./lib/paths.mjs";
import { Problem, main, run } from "./lib/run.mjs";
import { suites } from "./lib/suites.mjs";
import { add, countTests } from "./lib/summary.mjs";
import { table } from "./lib/table.mjs";
import { buildWasm } from "./lib/wasm-steps.mjs";
import { setup } from "./setup.mjs";

/** What can be built before suites, from little to all. */
const BUILD_ORDER = ["nothing", "wasm", "all"];

/** A step that takes longer hangs; the others still get their turn. */
const STEP_LIMIT_MS = 25 * 60_000;

const results = [];

async function timed(suite, title, body) {
  process.stdout.write(`\n━━ ${suite} ▸ ${title}\n`);
  const start = performance.now();
  const counts = await body();
  const seconds = (performance.now() - start) / 1000;
  process.stdout.write(`━━ ${suite} ▸ ${title}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped in ${seconds.toFixed(1)} s\n`);
  results.push({ suite, title, seconds, ...counts });
  return counts;
}

async function runStep(suite, { title, kind, run: [program, ...args], cwd = ".", env, skip }) {
  if (skip) {
    process.stdout.write(`\n━━ ${suite} ▸ ${title}: skipped: ${skip}\n`);
    results.push({ suite, title, seconds: 0, passed: 0, failed: 0, skipped: 1 });
    return;
  }
  await timed(suite, title, async () => {
    try {
      const { code, timedOut, output } = await run(program, args, { cwd: path.join(ROOT, cwd), env, timeoutMs: STEP_LIMIT_MS });
      if (timedOut) process.stdout.write(`\nended after ${STEP_LIMIT_MS / 60_000} minutes\n`);
      return countTests(kind, code, output);
    } catch (error) {
      process.stderr.write(`${error.message}\n`);
      return { passed: 0, failed: 1, skipped: 0 };
    }
  });
}

/** One count for the build; what needs it is not run when it fails. */
async function buildFor(chosen) {
  const needs = BUILD_ORDER[Math.max(...chosen.map(([, { needs }]) => BUILD_ORDER.indexOf(needs)))];
  if (needs === "nothing") return needs;
  let reached = "nothing";
  await timed("build", needs === "all" ? "everything" : "both wasm modules", async () => {
    try {
      await generate();
      await buildWasm();
      reached = "wasm";
      if (needs === "all") await build();
      reached = needs;
    } catch (error) {
      process.stderr.write(`${error instanceof Problem ? error.message : error.stack}\n`);
    }
    return countTests("check", reached === needs ? 0 : 1, "");
  });
  return reached;
}

function report() {
  const rows = results.map(({ suite, title, seconds, passed, failed, skipped }) => [`${suite} ▸ ${title}`, passed, failed, skipped, seconds.toFixed(1)]);
  const total = add(results);
  rows.push(["together", total.passed, total.failed, total.skipped, results.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(1)]);
  process.stdout.write(`\n${table(["", "passed", "failed", "skipped", "seconds"], rows)}\n`);
  for (const { suite, title } of results.filter(({ failed }) => failed > 0)) process.stdout.write(`failed: ${suite} ▸ ${title}\n`);
  process.stdout.write(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

await main(async () => {
  const names = process.argv.slice(2);
  try {
    await setup({ browsers: names.length === 0 || names.some((name) => ["web", "webrtc", "e2e", "packaging", "native", "conformance"].includes(name)) });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    process.stderr.write(`${error.message}\n`);
    results.push({ suite: "setup", title: "what the tests need", seconds: 0, passed: 0, failed: 1, skipped: 0 });
    return report();
  }
  const all = suites();
  for (const name of names) if (!(name in all)) throw new Problem(`There is no suite "${name}"; there are ${Object.keys(all).join(", ")}.`);
  const chosen = Object.entries(all).filter(([name]) => names.length === 0 || names.includes(name));

  const built = await buildFor(chosen);
  for (const [name, { needs, steps }] of chosen) {
    if (BUILD_ORDER.indexOf(needs) > BUILD_ORDER.indexOf(built)) {
      process.stdout.write(`\n━━ ${name}: not run, since the build failed\n`);
      results.push({ suite: name, title: "not run", seconds: 0, passed: 0, failed: 1, skipped: 0 });
      continue;
    }
    for (const step of steps) await runStep(name, step);
  }
  return report();
});
