// `npm start`: setup, build, and the app on this machine until Ctrl+C. PORT chooses the port; the default is a free one.
import path from "node:path";
import { build } from "./build.mjs";
import { ROOT } from "./lib/paths.mjs";
import { main, say } from "./lib/run.mjs";
import { readHeaders, serve } from "./lib/static-server.mjs";
import { setup } from "./setup.mjs";

await main(async () => {
  await setup();
  await build();
  const headers = readHeaders(path.join(ROOT, "www", "headers.json"));
  const { url } = await serve(path.join(ROOT, "www", "dist"), { port: Number(process.env.PORT ?? 0), headers });
  say(`Avatar is at ${url}   (Ctrl+C stops it)`);
});
