// Several devices of one person: browsers with profiles of their own, and a real relay between them.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { lettingConnect, originsOf } from "../../../scripts/lib/policy.mjs";
import { atEnd } from "../../interop/lib/ending.mjs";
import { startRelay } from "../../interop/lib/relay.mjs";
import { dataOf, goHash, openApp, serveApp, tid } from "./app.mjs";
import { chromium } from "./engines/index.mjs";
import { fill } from "./identity.mjs";
import { ROOT } from "./paths.mjs";

/** How long a step over the network may take, on a machine that does much else. */
const NETWORK_MS = 60_000;

/** Serves the app with a relay that it finds. `origins` says of which of its addresses the policy knows. Both end after the test `t`, after the browsers. */
export async function serveWithRelay(t, { relay: options, allowed = () => true, replace = {} } = {}) {
  const relay = await startRelay(t, options);
  const headers = JSON.parse(await readFile(join(ROOT, "www/headers.json"), "utf8"));
  const where = Buffer.from(JSON.stringify({ peerId: relay.peerId, addresses: relay.addresses }));
  const server = await serveApp({ headers: lettingConnect(headers, originsOf(relay.addresses.filter(allowed))), replace: { ...replace, "/relay.json": where } });
  atEnd(t, server.close);
  return { relay, server };
}

/** A device: the app in a browser of its own. `init` is a script that runs before the page's (in Chromium); `profile` a folder that outlives the browser. */
export async function device(t, server, { engine = chromium, args, init, profile, where } = {}) {
  const browser = await engine.launch({ profile, args });
  atEnd(t, () => browser.close());
  if (init) await browser.context.addInitScript(init);
  const page = await openApp(browser, server, where);
  page.browser = browser;
  return page;
}

/** Makes an invitation on a device, and gives its code. */
export async function invite(page) {
  await goHash(page, "#/devices");
  await dataOf(page, "invite");
  await page.click(tid("invite"));
  return (await dataOf(page, "invitation", "", NETWORK_MS)).code;
}

/** Uses a code on a new device, until all is there. */
export async function useCode(page, code, name) {
  await goHash(page, "#/link");
  await fill(page, "link-code", code);
  await fill(page, "link-name", name);
  await page.click(tid("link-start"));
  await linked(page);
}

/** Waits until a device says that it is linked. */
export async function linked(page) {
  const outcome = await page.waitFor(
    () => {
      const error = document.querySelector('[data-testid="link-error"]');
      return document.querySelector('[data-testid="link-done"]') ? "done" : error?.dataset.code && `${error.dataset.code}: ${error.textContent}`;
    },
    [],
    NETWORK_MS,
  );
  if (outcome !== "done") throw new Error(`the device was not linked: ${outcome}`);
}

/** Makes a note without the editor; gives its id. */
export const makeNote = (page, body) => page.evaluate(async (body) => (await globalThis.avatarApp.avatar.docs.createMany("note", [{ title: "Shared", body, path: "", tags: [], links: [], names: [], excerpt: "", find: "shared" }]))[0], body);

/** Two linked devices. */
export async function twoDevices(t, server, { first = {}, second = {}, prepare } = {}) {
  const [one, two] = await Promise.all([device(t, server, first), device(t, server, second)]);
  await prepare?.(one);
  await useCode(two, await invite(one), "Second");
  return [one, two];
}

/** The network as the node tells it. */
export const networkOf = (page) => page.evaluate(() => globalThis.avatarApp.avatar.peers.state());

/** Waits until the best connection to another device is as `fits` says ("(connection) => …", which runs in the page); gives it. */
export function connectionTo(page, fits = "() => true", timeoutMs = NETWORK_MS) {
  return page.waitFor(
    `async () => {
      const { devices, connections } = await globalThis.avatarApp.avatar.peers.state();
      return connections.find(({ id, device }) => device !== undefined && devices.some((each) => each.connection === id) && (${fits})(connections.find((each) => each.id === id))) ?? null;
    }`,
    [],
    timeoutMs,
  );
}

/** Waits until both devices have the same in a note, and that fits; gives its text. */
export async function sameText(pages, id, fits, timeoutMs = NETWORK_MS) {
  const texts = await Promise.all(
    pages.map((page) =>
      page.waitFor(
        `async (id, wanted) => {
          const doc = await globalThis.avatarApp.avatar.docs.open(id).catch(() => undefined);
          const body = doc?.value.body;
          await doc?.close();
          return body !== undefined && wanted.every((part) => body.includes(part)) ? body : null;
        }`,
        [id, fits],
        timeoutMs,
      ),
    ),
  );
  return texts;
}
