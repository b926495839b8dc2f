// Runs checks against one host: each in a fresh host, one after another.
import { CONFORMANCE_WASM } from "../build.mjs";
import { Adapter, Skipped } from "./adapter.mjs";
import { CHECKS } from "./checks/index.mjs";
import { startServer } from "./server.mjs";
import { Session } from "./session.mjs";

/**
 * `command` starts the adapter, `claims` are what the host says that it can beyond the MUSTs (README.md). Calls `report` with each result:
 * `{check, state: "passed" | "failed" | "skipped", words}`; returns all of them.
 */
export async function runChecks(command, { claims = [], checks = CHECKS, patienceMs, env, report = () => undefined } = {}) {
  const server = await startServer();
  let adapter;
  const results = [];
  try {
    for (const check of checks) {
      // An adapter that a check has ended, or whose host hangs, is no measure for the next one.
      if (!adapter || adapter.ended) adapter = new Adapter(command, { patienceMs, env });
      const result = { check, ...(await runOne(check, adapter, server, claims)) };
      if (result.state === "failed") {
        await adapter.close();
        adapter = undefined;
      }
      results.push(result);
      report(result);
    }
  } finally {
    await adapter?.close();
    await server.close();
  }
  return results;
}

async function runOne(check, adapter, server, claims) {
  const session = new Session(adapter, CONFORMANCE_WASM, server, claims);
  try {
    if (check.starts !== false) await session.start();
    await check.run(session);
    return { state: "passed" };
  } catch (error) {
    return { state: error instanceof Skipped ? "skipped" : "failed", words: error.message };
  }
}
