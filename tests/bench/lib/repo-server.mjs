// automerge-repo's WebSocket server, as its documentation shows it, in a process of its own and with nothing on disk. A port on loopback is told to the parent; asked with a list of ids, it
// answers once it has all of these documents.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("repo-server-process.mjs", import.meta.url));

/** Starts a server; resolves when it listens. */
export async function startRepoServer() {
  const child = fork(PROGRAM);
  const ended = once(child, "exit");
  /** What it says next. */
  const answer = () => Promise.race([once(child, "message").then(([message]) => message), ended.then(([code]) => Promise.reject(new Error(`the server of automerge-repo ended with ${code}`)))]);
  const { port } = await answer();
  return {
    url: `ws://127.0.0.1:${port}`,
    /** Resolves when it has all of these documents. */
    async has(urls) {
      child.send({ urls });
      await answer();
    },
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}
