// The adapter of avatar-native: `avatar run` in a folder of its own for each start, spoken to over its socket. The program is the one argument.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createConnection } from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import { temporaryFolder } from "../../../e2e/lib/temp.mjs";
import { serveAdapter } from "../adapter.mjs";
import { Client } from "../web/client.mjs";

const [program] = process.argv.slice(2);
const folder = await temporaryFolder("avatar-conformance");
let started = 0;
let child;

/** Messages on a byte stream, as avatar-native/src/wire.rs has them: how many parts, the length of each, the parts. */
function frame(batch) {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(1, 0);
  head.writeUInt32LE(batch.length, 4);
  return Buffer.concat([head, batch]);
}

/** Calls `hear(batch, bodies)` with each whole message. */
function reader(hear) {
  let waiting = Buffer.alloc(0);
  return (data) => {
    waiting = Buffer.concat([waiting, data]);
    while (waiting.length >= 4) {
      const count = waiting.readUInt32LE(0);
      const headLength = 4 + 4 * count;
      if (waiting.length < headLength) return;
      const lengths = Array.from({ length: count }, (_, nth) => waiting.readUInt32LE(4 + 4 * nth));
      const end = lengths.reduce((total, length) => total + length, headLength);
      if (waiting.length < end) return;
      let at = headLength;
      const [batch, ...bodies] = lengths.map((length) => waiting.subarray(at, (at += length)));
      waiting = waiting.subarray(end);
      hear(batch, bodies);
    }
  };
}

serveAdapter(
  async (file, { loopbackHttp, keep }, events) => {
    const node = path.join(folder.path, `${keep ? started : ++started}`);
    const options = ["--dir", node, "--wasm", file, "--module-cache", path.join(folder.path, "modules"), "--json", "run", ...(loopbackHttp ? ["--allow-loopback"] : [])];
    child = spawn(program, options, { stdio: ["ignore", "pipe", "pipe"] });
    const gone = once(child, "close");
    let complaints = "";
    child.stderr.on("data", (data) => {
      complaints = (complaints + data).slice(-2_000);
      process.stderr.write(data);
    });
    const [line] = await Promise.race([once(createInterface({ input: child.stdout }), "line"), gone.then(() => [])]);
    if (typeof line !== "string") throw new Error(complaints || `${program} ended without a word`);
    const socket = createConnection(JSON.parse(line).socket);
    await once(socket, "connect");
    socket.on("error", () => undefined);
    const client = new Client((batch) => socket.write(frame(batch)), events);
    socket.on("data", reader((batch, bodies) => client.hear(batch, bodies)));
    const stop = async () => {
      child.kill("SIGTERM");
      await gone;
    };
    return { request: (id, bytes) => client.request(id, bytes), stop };
  },
  async () => {
    child?.kill("SIGKILL");
    await folder.remove();
  },
);
