// `npm start`: setup, build, and the app until Ctrl+C. PORT chooses the port; the default is a free one.
//
// `-- --relay`: with a relay on this machine. A page learns where it is at /relay.json: what the relay itself says at /addresses. Only for those who ask for it, until the app itself speaks
// to peers: on a fresh machine its build takes ten minutes.
import path from "node:path";
import { build } from "./build.mjs";
import { ROOT } from "./lib/paths.mjs";
import { startRelay } from "./lib/relay.mjs";
import { main, say } from "./lib/run.mjs";
import { readHeaders, serve } from "./lib/static-server.mjs";
import { setup } from "./setup.mjs";

await main(async () => {
  await setup();
  await build();
  const headers = readHeaders(path.join(ROOT, "www", "headers.json"));
  const answers = {};
  if (process.argv.includes("--relay")) {
    const relay = await startRelay();
    answers["/relay.json"] = async () => (await fetch(`${relay}/addresses`)).text();
    say(`A relay says where it is at ${relay}/addresses`);
  }
  const { url } = await serve(path.join(ROOT, "www", "dist"), { port: Number(process.env.PORT ?? 0), headers, answers });
  say(`Avatar is at ${url}   (Ctrl+C stops it)`);
});
