// The adapter of avatar-web in a real Chromium: the package's own worker over IndexedDB, in a page of its own. This process only passes bytes.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { chromium } from "../../../e2e/lib/engines/chromium.mjs";
import { PKG_DIST } from "../../../e2e/lib/paths.mjs";
import { serve } from "../../../e2e/lib/serve.mjs";
import { serveAdapter } from "../adapter.mjs";
import { Client } from "../web/client.mjs";

const server = await serve({ "/": import.meta.dirname, "/pkg/": PKG_DIST });
const browser = await chromium.launch();
const page = await browser.open();
page.raw.on("pageerror", (error) => process.stderr.write(`${error}\n`));
const clients = new Map();
await page.raw.exposeFunction("hearHost", (name, batch, bodies) => clients.get(name)?.hear(Buffer.from(batch, "base64"), bodies.map((body) => Buffer.from(body, "base64"))));
await page.goto(`${server.url}page.html`);
let started = 0;

serveAdapter(
  async (file, { loopbackHttp, keep }, events) => {
    // What outlives a host outlives its page.
    if (keep) await page.goto(`${server.url}page.html`);
    const name = `conformance-${keep ? started : ++started}`;
    const url = `/guest/${name}/${path.basename(file)}`;
    server.replace[url] = await readFile(file);
    const client = new Client((batch) => void page.evaluate((text) => window.tellHost(text), Buffer.from(batch).toString("base64")).catch(() => undefined), events);
    clients.set(name, client);
    const refused = await page.evaluate((...args) => window.startHost(...args), url, name, loopbackHttp);
    if (refused) throw new Error(refused);
    return { request: (id, bytes) => client.request(id, bytes), stop: () => client.close() };
  },
  async () => {
    await browser.close();
    await server.close();
  },
);
