// The adapter of avatar-web in Node: the host in this thread, its storage in memory, as pkg/src/environment.node.ts starts it.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { PKG_DIST } from "../../../e2e/lib/paths.mjs";
import { serveAdapter } from "../adapter.mjs";
import { Client } from "../web/client.mjs";

const { portPair } = await import(path.join(PKG_DIST, "channel", "port.js"));
const { default: init, Host } = await import(path.join(PKG_DIST, "host", "avatar_web.js"));
const glue = await WebAssembly.compile(await readFile(path.join(PKG_DIST, "avatar_web_bg.wasm")));
await init({ module_or_path: glue });
let started = 0;

await serveAdapter(async (file, { loopbackHttp }, events) => {
  const module = await WebAssembly.compile(await readFile(file));
  const log = (level, text) => level <= 2 && process.stderr.write(`${text}\n`);
  const host = await Host.start({ module, name: `conformance-${++started}`, storage: "memory", loopbackHttp, log });
  const [port, hostPort] = portPair();
  const client = new Client((batch) => port.postMessage({ batch }), events);
  port.onmessage = ({ data }) => client.hear(data.batch, data.bodies);
  host.attach(hostPort);
  return { request: (id, bytes) => client.request(id, bytes), stop: () => host.close() };
});
