// Kills a program with everything it started, at once and without a chance to say goodbye: what a power cut or the out-of-memory killer does to a browser.
import { readFileSync, readdirSync } from "node:fs";

/** Parent pid by pid, of every process there is. */
function parents() {
  const parentOf = new Map();
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      // "pid (name) state ppid …": the name may hold spaces and brackets.
      parentOf.set(pid, Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // It ended while we looked.
    }
  }
  return parentOf;
}

/** The pids of `root` and all its descendants. */
export function processTree(root) {
  const parentOf = parents();
  const tree = [root];
  for (let i = 0; i < tree.length; i++) {
    for (const [pid, parent] of parentOf) if (parent === tree[i]) tree.push(pid);
  }
  return tree;
}

function isAlive(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !["Z", "X"].includes(stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3));
  } catch {
    return false;
  }
}

/** SIGKILL to `root` and all its descendants. Resolves when all are gone, so that their locks on the profile are free. */
export async function killTree(root) {
  const tree = processTree(root);
  for (const pid of tree) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Already gone.
    }
  }
  // The kernel tells only a parent of a death, and most of these have others: look until none is left.
  const deadline = Date.now() + 10_000;
  while (tree.some(isAlive)) {
    if (Date.now() > deadline) throw new Error(`still alive after SIGKILL: ${tree.filter(isAlive).join(", ")}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
