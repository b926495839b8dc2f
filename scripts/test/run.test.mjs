import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem, mustRun, run } from "../lib/run.mjs";

test("a step that hangs is ended with all that it started", async () => {
  // The shell's child holds the pipe; if it lived on, this would wait for it.
  const { timedOut, code } = await run("sh", ["-c", "sleep 600 & echo started; wait"], { quiet: true, timeoutMs: 200 });
  assert.equal(timedOut, true);
  assert.notEqual(code, 0);
});

test("a failure is a sentence with the command and its exit code", async () => {
  await assert.rejects(mustRun("Trying", "sh", ["-c", "exit 3"]), (error) => error instanceof Problem && /Trying failed: `sh -c exit 3` gave exit code 3/.test(error.message));
  await assert.rejects(run("/nonexistent/program", []), /could not be started/);
});

test("nothing can wait for a person: standard input is closed", async () => {
  assert.deepEqual((await run("sh", ["-c", "cat; echo end"], { quiet: true })).output, "end\n");
});
