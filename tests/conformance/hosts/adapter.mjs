// The adapter protocol of README.md for hosts that JavaScript can reach: JSON lines on stdin and stdout.
//
// `start(file, options, events)` starts a host, over empty storage or (`options.keep`) that of the host before, and resolves with `{request(id, bytes), stop()}`, or rejects when the module is refused.
// `events` are `response(id, more, head, body)` and `stopped(words)`. `release` lets go of whatever the adapter holds beside its host.
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";

/** A host that does not stop by then is left as it is when the adapter ends. */
const STOP_PATIENCE_MS = 2_000;

const encode = (bytes) => Buffer.from(bytes ?? []).toString("base64");

/** Serves the kit until its end of stdin closes; then the process ends, whatever the host is doing. */
export function serveAdapter(start, release = async () => undefined) {
  let running;
  let life;
  let last = Promise.resolve();
  const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

  const commands = {
    async start({ start: file, loopbackHttp = false, keep = false }) {
      // What an earlier host says at its end is nobody's business.
      const own = (life = {});
      await running?.stop();
      running = undefined;
      const events = {
        response: (response, more, head, body) => life === own && say({ response, more, head: encode(head), body: encode(body) }),
        stopped: (words) => life === own && say({ stopped: words }),
      };
      try {
        running = await start(file, { loopbackHttp, keep }, events);
      } catch (error) {
        return say({ refused: String(error?.message ?? error) });
      }
      say({ started: true });
    },
    async request({ request, bytes }) {
      running?.request(request, Buffer.from(bytes, "base64"));
    },
    async stop() {
      await running?.stop();
      running = undefined;
      say({ stopped: "" });
    },
  };

  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const command = JSON.parse(line);
    const name = Object.keys(commands).find((each) => each in command);
    if (!name) throw new Error(`not a command of the protocol: ${line}`);
    // One after another: a request after its start.
    last = last.then(() => commands[name](command));
  });
  lines.on("close", async () => {
    await Promise.race([last.then(() => running?.stop()), delay(STOP_PATIENCE_MS)]);
    await release();
    process.exit();
  });
}
