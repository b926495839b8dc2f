// What a test needs: the app served, browsers, nodes in them and in Node. All ends with the test.
import "./node-platform.mjs";
import { chromium } from "../../../tests/e2e/lib/engines/index.mjs";
import { serve } from "../../../tests/e2e/lib/serve.mjs";
import { buildApp } from "./build.mjs";
import { startJsPeer } from "./js-peer.mjs";

/** Where our node can live. `transfer: false` is how it works in browsers that cannot transfer data channels. */
export const PLACES = {
  "in a window": { where: "window" },
  "in a worker": { where: "worker", transfer: true },
  "in a worker, pumped": { where: "worker", transfer: false },
};

/** For a `describe` and its hook `after`: a function that takes what is to be ended after its tests, the last first. */
export function endings(after) {
  const ends = [];
  after(async () => {
    for (const end of ends.reverse()) await end();
  });
  return (end) => ends.push(end);
}

/** The app served, and a browser. */
export async function openWorld(atEnd, { engine = chromium, ...launch } = {}) {
  const server = await serve(await buildApp());
  atEnd(() => server.close());
  const browser = await engine.launch(launch);
  atEnd(() => browser.close());
  return { browser, server, page: (start, options) => openPage(browser, server, start, options) };
}

/** A node of js-libp2p in Node, stopped at the end. */
export async function jsInNode(atEnd, options) {
  const peer = await startJsPeer(options);
  atEnd(() => peer.stop());
  return peer;
}

async function openPage(browser, server, start, options) {
  const page = await browser.open(server.url);
  await page.waitFor(() => globalThis.ready === true).catch((error) => {
    throw new Error(`the page did not load:\n${page.complaints.join("\n")}`, { cause: error });
  });
  const peerId = await page.evaluate((start, options) => globalThis[start](options), start, options);
  return new PagePeer(page, peerId);
}

/** The node of a page, with the methods that nodes in Node have. */
class PagePeer {
  constructor(page, peerId) {
    this.page = page;
    this.peerId = peerId;
    for (const name of ["dial", "listenAt", "addresses", "ping", "paths", "direct", "closed", "echo", "sink", "shout", "misbehave", "held"]) this[name] = (...args) => this.call(name, ...args);
  }

  call(name, ...args) {
    return this.page.evaluate((name, args) => globalThis.call(name, ...args), name, args);
  }

  /** How long a call takes, in milliseconds, as the page sees it. */
  timed(name, ...args) {
    return this.page.evaluate((name, args) => globalThis.timed(name, ...args), name, args);
  }

  close() {
    return this.page.close();
  }
}

/** Starters for `world.page`. */
export const ours = (world, place, options = {}) => world.page("startOurs", { ...PLACES[place], ...options });
export const rawInPage = (world) => world.page("startRaw");
export const jsInPage = (world, options = {}) => world.page("startJs", options);
