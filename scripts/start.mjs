// `npm start`: setup, build, and the app with a relay on this machine until Ctrl+C. PORT chooses the port; the default is a free one. `-- --no-relay` leaves the relay out.
//
// The app learns where the relay is at /relay.json: what the relay itself says at /addresses.
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
  if (!process.argv.includes("--no-relay")) {
    const relay = await startRelay();
    answers["/relay.json"] = async () => (await fetch(`${relay}/addresses`)).text();
    say(`A relay for it says where it is at ${relay}/addresses`);
  }
  const { url } = await serve(path.join(ROOT, "www", "dist"), { port: Number(process.env.PORT ?? 0), headers, answers });
  say(`Avatar is at ${url}   (Ctrl+C stops it)`);
});
