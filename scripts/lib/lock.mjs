// One setup and one build at a time in one tree: two terminals (`npm start`, `npm test`) would otherwise write the same files. Called by setup.mjs and build.mjs.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { say } from "./run.mjs";

const POLL_MS = 250;

/** Runs `body` while no other process holds the lock file. A lock whose holder is dead is taken over. */
export async function withLock(file, body) {
  mkdirSync(path.dirname(file), { recursive: true });
  for (let waited = false; !tryTake(file); ) {
    const holder = Number(readFileSync(file, { encoding: "utf8", flag: "a+" }));
    if (!isAlive(holder)) {
      rmSync(file, { force: true });
      continue;
    }
    if (!waited) say(`waiting for process ${holder}, which is at the same in this tree`);
    waited = true;
    await delay(POLL_MS);
  }
  const release = () => rmSync(file, { force: true });
  process.once("exit", release);
  try {
    return await body();
  } finally {
    process.off("exit", release);
    release();
  }
}

function tryTake(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

function isAlive(pid) {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
}
