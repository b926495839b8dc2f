// Finding and starting programs of the system.
import { spawn } from "node:child_process";
import { access } from "node:fs/promises";
import { createInterface } from "node:readline";

/** The first of the paths that is there. */
export async function firstOf(...paths) {
  for (const path of paths.filter(Boolean)) {
    if (await access(path).then(() => true, () => false)) return path;
  }
  return undefined;
}

/**
 * Starts a program and resolves with it and the first match of `pattern` in a line of its output (stdout, stderr and, when `extraPipe`, file descriptor 3).
 * Rejects with what it printed when it ends before.
 */
export function startUntil(pattern, program, args, { env = process.env, extraPipe = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe", ...(extraPipe ? ["pipe"] : [])] });
    const printed = [];
    child.once("error", reject);
    child.once("exit", (code, signal) => reject(new Error(`${program} ended (${signal ?? code}) before it was ready:\n${printed.join("\n")}`)));
    for (const stream of child.stdio.slice(1)) {
      createInterface({ input: stream }).on("line", (line) => {
        if (printed.length < 200) printed.push(line);
        const match = pattern.exec(line);
        if (match) resolve({ child, match });
      });
    }
  });
}
