// The adapter of avatar-web in Node: the host in this thread, as pkg/src/environment.node.ts starts it. Its storage is in memory, or with `--folder` the package's folder store.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { temporaryFolder } from "../../../e2e/lib/temp.mjs";
import { PKG_DIST } from "../../../e2e/lib/paths.mjs";
import { serveAdapter } from "../adapter.mjs";
import { Client } from "../web/client.mjs";

const { values } = parseArgs({ options: { folder: { type: "boolean", default: false } } });
const { openFolder } = await import(path.join(PKG_DIST, "node", "folder.js"));
const { portPair } = await import(path.join(PKG_DIST, "channel", "port.js"));
const { default: init, Host } = await import(path.join(PKG_DIST, "host", "avatar_web.js"));
const glue = await WebAssembly.compile(await readFile(path.join(PKG_DIST, "avatar_web_bg.wasm")));
await init({ module_or_path: glue });
const folder = await temporaryFolder("avatar-conformance");
let started = 0;

async function start(file, { loopbackHttp, keep }, events) {
  const module = await WebAssembly.compile(await readFile(file));
  const log = (level, text) => level <= 2 && process.stderr.write(`${text}\n`);
  const name = `conformance-${keep ? started : ++started}`;
  const storage = values.folder ? await openFolder(path.join(folder.path, name)) : "memory";
  const host = await Host.start({ module, name, storage, loopbackHttp, log });
  const [port, hostPort] = portPair();
  const client = new Client((batch) => port.postMessage({ batch }), events);
  port.onmessage = ({ data }) => client.hear(data.batch, data.bodies);
  host.attach(hostPort);
  return { request: (id, bytes) => client.request(id, bytes), stop: () => host.close() };
}

serveAdapter(start, () => folder.remove());
