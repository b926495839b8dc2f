// The adapter protocol of README.md for hosts that JavaScript can reach: JSON lines on stdin and stdout.
//
// `start(file, options, events)` starts a host over empty storage and resolves with `{request(id, bytes), stop()}`, or rejects when the module is refused.
// `events` are `response(id, more, head, body)` and `stopped(words)`.
import { createInterface } from "node:readline";

const encode = (bytes) => Buffer.from(bytes ?? []).toString("base64");

/** Serves the kit until its end of stdin closes. */
export async function serveAdapter(start, release = async () => undefined) {
  let running;
  const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

  const commands = {
    async start({ start: file, loopbackHttp = false }) {
      await running?.stop();
      running = undefined;
      // What an earlier host says after its end is nobody's business.
      const life = {};
      current = life;
      const events = {
        response: (response, more, head, body) => current === life && say({ response, more, head: encode(head), body: encode(body) }),
        stopped: (words) => current === life && say({ stopped: words }),
      };
      try {
        running = await start(file, { loopbackHttp }, events);
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
  let current;

  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    const name = Object.keys(commands).find((each) => each in command);
    if (!name) throw new Error(`not a command of the protocol: ${line}`);
    await commands[name](command);
  }
  await running?.stop();
  await release();
}
