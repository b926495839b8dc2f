// The kit's end of the adapter protocol: starts an adapter and speaks with the host behind it.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { BinaryReader } from "@bufbuild/protobuf/wire";

/** How long an answer may take before it counts as none. */
export const PATIENCE_MS = 10_000;
/** The same for the start of a host, which may be that of a browser. */
const START_PATIENCE_MS = 60_000;
/** An adapter has to end so soon after its stdin. */
const CLOSE_PATIENCE_MS = 10_000;

/** The host does not do what it has to. */
export class Failed extends Error {}
/** There is nothing to check on this host. */
export class Skipped extends Error {}

/** The code of the AppError in an encoded Response; undefined when it is another answer. */
function errorCode(head) {
  const reader = new BinaryReader(head);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field !== 1) {
      reader.skip(type);
      continue;
    }
    const error = new BinaryReader(reader.bytes());
    while (error.pos < error.len) {
      const [inner, innerType] = error.tag();
      if (inner === 1) return error.uint32();
      error.skip(innerType);
    }
    return 0;
  }
  return undefined;
}

/** An adapter that runs, with at most one host. */
export class Adapter {
  #child;
  #patienceMs;
  #waiting = new Map();
  #control = [];
  #lastId = 0;
  #stderr = "";
  #ended;
  #gone;
  /** Why the host cannot go on, once it said so. */
  stopped;

  constructor(command, { env = {}, patienceMs = PATIENCE_MS } = {}) {
    this.#patienceMs = patienceMs;
    this.#child = spawn(command[0], command.slice(1), { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env } });
    this.#child.stdin.on("error", () => undefined);
    this.#child.stderr.on("data", (data) => (this.#stderr = (this.#stderr + data).slice(-4_000)));
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#hear(line));
    this.#gone = new Promise((resolve) => {
      const end = (words) => {
        this.#ended = `the adapter ended: ${words}\n${this.#stderr}`;
        for (const settle of [...this.#waiting.values(), ...this.#control.splice(0)]) settle.reject(new Failed(this.#ended));
        this.#waiting.clear();
        resolve();
      };
      this.#child.once("error", (error) => end(error.message));
      this.#child.once("close", (code, signal) => end(signal ?? code));
    });
  }

  /** Whether the adapter's process is over. */
  get ended() {
    return this.#ended !== undefined;
  }

  #hear(line) {
    let message;
    try {
      message = JSON.parse(line);
    } catch {
      // It speaks another protocol: all that waits is told when it has ended.
      this.#stderr += `not a line of the protocol: ${line}\n`;
      this.#child.stdin.end();
      return;
    }
    if ("response" in message) {
      const call = this.#waiting.get(message.response);
      if (!call) {
        this.unasked = `an answer to ${message.response}, which has ended`;
        return;
      }
      const [head, body] = [Buffer.from(message.head ?? "", "base64"), Buffer.from(message.body ?? "", "base64")];
      if (message.more) {
        call.parts.push(body);
        return;
      }
      this.#waiting.delete(message.response);
      call.resolve({ parts: call.parts, head, error: errorCode(head), words: body.toString("utf8") });
      return;
    }
    // The answer to `start` or `stop`, or the host gave up.
    if ("stopped" in message) this.stopped = message.stopped || undefined;
    if ("stopped" in message && this.#control[0]?.kind !== "stop") return;
    this.#control.shift()?.resolve(message);
  }

  #send(message) {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  #patiently(what, promise, patienceMs = this.#patienceMs) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Failed(`${what}: nothing within ${patienceMs} ms`)), patienceMs);
      promise.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  #command(kind, message) {
    if (this.#ended) return Promise.reject(new Failed(this.#ended));
    const answer = new Promise((resolve, reject) => this.#control.push({ kind, resolve, reject }));
    this.#send(message);
    return this.#patiently(kind, answer, START_PATIENCE_MS);
  }

  /** Starts a host for this file over empty storage, or with `keep` over that of the host before. Resolves with `{started}` or `{refused}`. */
  start(file, { loopbackHttp = false, keep = false } = {}) {
    this.stopped = undefined;
    this.unasked = undefined;
    return this.#command("start", { start: file, loopbackHttp, keep });
  }

  /** Sends a request; resolves with its last answer, `{parts, head, error, words}`. */
  ask(request) {
    if (this.#ended) return Promise.reject(new Failed(this.#ended));
    const bytes = Buffer.from(request);
    const id = ++this.#lastId;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { parts: [], resolve, reject }));
    // Whoever does not wait for it is not told that the adapter ended.
    answer.catch(() => undefined);
    this.#send({ request: id, bytes: bytes.toString("base64") });
    const name = bytes.subarray(0, 60).toString("utf8").replaceAll(/[^\x20-\x7e]/g, "?");
    const patient = this.#patiently(`an answer to "${name}"`, answer);
    patient.catch(() => undefined);
    return patient;
  }

  /** Ends the host in order. */
  stop() {
    return this.#command("stop", { stop: true });
  }

  /** Ends the adapter, which ends what it has started; one that does not is killed. */
  async close() {
    this.#child.stdin.end();
    const patience = setTimeout(() => this.#child.kill("SIGKILL"), CLOSE_PATIENCE_MS);
    await this.#gone;
    clearTimeout(patience);
  }
}
