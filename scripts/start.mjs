// `npm start`: setup, build, and the app until Ctrl+C. PORT chooses the port; the default is a free one.
//
// `-- --relay`: with a relay on this machine, by which devices find each other. The app learns where it is at /relay.json: what the relay itself says at /addresses. Only for those who ask for
// it: on a fresh machine its build takes ten minutes.
import path from "node:path";
import { build } from "./build.mjs";
import { ROOT } from "./lib/paths.mjs";
import { lettingConnect, originsOf } from "./lib/policy.mjs";
import { startRelay } from "./lib/relay.mjs";
import { main, say } from "./lib/run.mjs";
import { readHeaders, serve } from "./lib/static-server.mjs";
import { setup } from "./setup.mjs";

await main(async () => {
  await setup();
  await build();
  let headers = readHeaders(path.join(ROOT, "www", "headers.json"));
  const answers = {};
  if (process.argv.includes("--relay")) {
    const { addresses, http } = await startRelay();
    answers["/relay.json"] = async () => (await fetch(`${http}/addresses`)).text();
    headers = lettingConnect(headers, originsOf(addresses));
    say(`A relay says where it is at ${http}/addresses`);
  }
  const { url } = await serve(path.join(ROOT, "www", "dist"), { port: Number(process.env.PORT ?? 0), headers, answers });
  say(`Avatar is at ${url}   (Ctrl+C stops it)`);
});
