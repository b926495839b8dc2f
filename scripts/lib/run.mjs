// Runs other programs, and turns failure into one clear sentence. Used by every script.
import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants as access } from "node:fs";
import { constants } from "node:os";
import path from "node:path";

/** A failure whose message is all that a person needs; scripts print it without a stack. */
export class Problem extends Error {}

/** The path of a program on PATH, or null. */
export function which(program, searchPath = process.env.PATH ?? "") {
  for (const dir of searchPath.split(path.delimiter)) {
    const candidate = path.join(dir, program);
    try {
      accessSync(candidate, access.X_OK);
      return candidate;
    } catch {
      // Not here: look in the next folder.
    }
  }
  return null;
}

/** Runs a program to its end and returns what it printed, or null when it failed or took longer than `timeoutMs`. */
export function capture(program, args, { timeoutMs = 60_000, ...options } = {}) {
  const result = spawnSync(program, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMs,
    maxBuffer: 64 << 20,
    ...options,
  });
  return result.status === 0 ? result.stdout.trim() : null;
}

/**
 * Runs a program with its output shown, and resolves with its exit code and what it printed. Standard input is closed, so nothing can wait for a person.
 * `quiet` keeps the output back until the program fails. After `timeoutMs` the program is ended together with all that it started.
 */
export function run(program, args, { cwd, env, quiet = false, timeoutMs } = {}) {
  return new Promise((resolve, reject) => {
    // A process group of its own, so that browsers and compilers below it do not outlive it (and keep its pipes open, which would make us wait for ever).
    const child = spawn(program, args, { cwd, env: env ?? process.env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    let output = "";
    let timedOut = false;
    const take = (stream) => (chunk) => {
      output += chunk;
      if (!quiet) stream.write(chunk);
    };
    child.stdout.setEncoding("utf8").on("data", take(process.stdout));
    child.stderr.setEncoding("utf8").on("data", take(process.stderr));

    const timer = timeoutMs && setTimeout(() => ((timedOut = true), endGroup(child.pid)), timeoutMs);
    const interrupted = (signal) => {
      endGroup(child.pid);
      process.exit(128 + constants.signals[signal]);
    };
    for (const signal of PASSED_ON) process.on(signal, interrupted);
    const finish = () => {
      clearTimeout(timer);
      for (const signal of PASSED_ON) process.off(signal, interrupted);
    };
    child.on("error", (cause) => {
      finish();
      reject(new Problem(`${program} could not be started: ${cause.message}`, { cause }));
    });
    child.on("close", (code, signal) => {
      finish();
      resolve({ code: code ?? 1, signal, timedOut, output });
    });
  });
}

/** What ends us ends what we started: a group of its own does not get the terminal's Ctrl+C. */
const PASSED_ON = ["SIGINT", "SIGTERM", "SIGHUP"];

function endGroup(pid) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

/** Like {@link run}, and a failure is a {@link Problem} with `what` in its sentence. */
export async function mustRun(what, program, args, options = {}) {
  const result = await run(program, args, options);
  if (result.code !== 0) {
    if (options.quiet) process.stderr.write(result.output);
    throw new Problem(`${what} failed: \`${[path.basename(program), ...args].join(" ")}\` ${result.signal ? `was ended by ${result.signal}` : `gave exit code ${result.code}`}.`);
  }
  return result.output;
}

/** One line of progress. */
export function say(line) {
  process.stdout.write(`• ${line}\n`);
}

/** Runs a script's main function; a {@link Problem} ends it with its sentence, anything else with its stack. */
export async function main(body) {
  try {
    process.exitCode = (await body()) ?? process.exitCode ?? 0;
  } catch (error) {
    process.stderr.write(`\n${error instanceof Problem ? error.message : error.stack}\n`);
    process.exitCode = 1;
  }
}
