// The page around the facade (tests/e2e/app), served and opened.
import { join } from "node:path";
import { FIXTURE_APP, NODE_MODULES, PKG_DIST } from "./paths.mjs";
import { serve } from "./serve.mjs";

/** Serves the fixture page with the built package. Options as for `serve`. */
export function serveFixture(options) {
  return serve({ "/": FIXTURE_APP, "/avatar/": PKG_DIST, "/protobuf/": join(NODE_MODULES, "@bufbuild/protobuf/dist/esm") }, options);
}

/** Opens the page in a new tab, with the facade loaded and no Avatar started. */
export async function openFixture(browser, server) {
  const page = await browser.open(server.url);
  await page.waitFor(() => globalThis.ready === true).catch((error) => {
    throw new Error(`the fixture page did not load the facade:\n${page.complaints.join("\n")}`, { cause: error });
  });
  return page;
}

/** Opens the page and starts its Avatar. */
export async function startFixture(browser, server, options = {}) {
  const page = await openFixture(browser, server);
  page.did = await page.evaluate((options) => globalThis.start(options), options);
  return page;
}

/** Ends things in the order given, whatever the earlier ones throw. */
export async function closeAll(...closers) {
  const results = [];
  for (const close of closers) results.push(await Promise.resolve().then(close).then(() => undefined, (error) => error));
  const failed = results.find(Boolean);
  if (failed) throw failed;
}
