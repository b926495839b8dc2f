// What a careful person would check about the app before trusting it: its policy, its accessibility, its manifest.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { appReady, dataOf, goHash, importFiles, openApp, serveApp, tid } from "./lib/app.mjs";
import { seriousViolations } from "./lib/axe.mjs";
import { chromium, skipWithout } from "./lib/engines/index.mjs";
import { closeAll } from "./lib/fixture.mjs";
import { fill, lockNow, setPassphrase } from "./lib/identity.mjs";
import { copyNotesFlat, markdownBelowNodeModules } from "./lib/notes.mjs";
import { temporaryFolder } from "./lib/temp.mjs";

const skip = await skipWithout(chromium);

/** A started app with some notes in it, and the id of one. */
async function appWithNotes(t) {
  const folder = await temporaryFolder();
  const files = await copyNotesFlat(await markdownBelowNodeModules(), folder.path, { count: 12 });
  const server = await serveApp();
  const browser = await chromium.launch();
  t.after(() => closeAll(() => browser.close(), server.close, folder.remove));
  const page = await openApp(browser, server);
  await importFiles(page, files.map(({ file }) => file));
  const id = await page.evaluate(async () => (await globalThis.avatarApp.avatar.docs.query({ type: "note", limit: 1 }).get())[0].id);
  const card = await page.evaluate(async () => {
    const { credentials, did } = globalThis.avatarApp.avatar;
    await credentials.issue({ name: "Member of the rowing club", credentialSubject: { id: did, since: "2019" } }, { keep: true });
    return (await credentials.list())[0].id;
  });
  return { page, browser, server, id, card };
}

/** Every page of the app: its address, and the hook that shows that it is there. */
const pagesOf = ({ id, card }) => [
  ["#/", "note-list"],
  [`#/note/${id}`, "editor"],
  ["#/import", "import-drop"],
  ["#/export", "export-zip"],
  ["#/devices", "device"],
  ["#/link", "link-start"],
  ["#/network", "finding"],
  ["#/identity", "identity-did"],
  ["#/recovery", "words-show"],
  ["#/restore", "restore-check"],
  ["#/wallet", "wallet-cards"],
  [`#/wallet/${card}`, "report"],
  ["#/wallet/add", "add-text"],
  ["#/wallet/issue", "issue-sign"],
  ["#/wallet/present", "present-request"],
  ["#/wallet/ask", "ask-make"],
  ["#/wallet/verify", "verify-text"],
  ["#/storage", "storage-kind"],
];

/** Comes to a page as for the first time. */
async function comeTo(page, hash, ids) {
  await goHash(page, "#/storage");
  await dataOf(page, "storage-kind");
  await goHash(page, hash);
  await dataOf(page, pagesOf(ids).find(([address]) => address === hash)[1]);
}

/** Does what changes a page: each step leads to something else to look at. */
const STATES = [
  ["the words", "#/recovery", async (page) => (await page.click(tid("words-show")), dataOf(page, "word"))],
  ["the check of the words", "#/recovery", async (page) => (await page.click(tid("words-show")), await dataOf(page, "word"), await page.click(tid("words-written")), dataOf(page, "words-check-input"))],
  ["a verification that fails", "#/wallet/verify", async (page) => (await fill(page, "verify-text", '{"type":["VerifiableCredential"]}'), await page.click(tid("verify-run")), dataOf(page, "report"))],
  ["a request", "#/wallet/ask", async (page) => (await page.click(tid("ask-make")), dataOf(page, "ask-handout"))],
  ["the lock", "#/", async (page) => (await setPassphrase(page, "rowing before breakfast"), lockNow(page))],
];

test("the app asks servers for a strict policy", async () => {
  const headers = JSON.parse(await readFile(new URL("../../www/headers.json", import.meta.url), "utf8"));
  const policy = Object.entries(headers).find(([name]) => name.toLowerCase() === "content-security-policy")?.[1] ?? "";
  const directives = new Map(policy.split(";").map((part) => part.trim().split(/\s+/)).map(([name, ...values]) => [name, values]));
  assert.deepEqual(directives.get("script-src"), ["'self'", "'wasm-unsafe-eval'"]);
  assert.deepEqual(directives.get("require-trusted-types-for"), ["'script'"]);
  assert.deepEqual(directives.get("default-src"), ["'none'"]);
  assert.ok(!policy.includes("unsafe-inline") && !/(?<!wasm-)unsafe-eval/.test(policy), policy);
});

test("no page of the app violates its policy or logs an error", { skip }, async (t) => {
  const { page, id, card } = await appWithNotes(t);
  const violations = [];
  await page.raw.exposeFunction("reportViolation", (violation) => void violations.push(violation));
  await page.evaluate(() => document.addEventListener("securitypolicyviolation", (event) => globalThis.reportViolation(`${event.violatedDirective}: ${event.blockedURI || event.sample}`)));
  for (const [hash, hook] of pagesOf({ id, card })) {
    await goHash(page, hash);
    await dataOf(page, hook);
  }
  await goHash(page, `#/note/${id}`);
  await page.click('[data-testid="preview-toggle"]');
  await dataOf(page, "preview");
  for (const [, hash, act] of STATES) {
    await comeTo(page, hash, { id, card });
    await act(page);
  }
  assert.deepEqual(violations, []);
  assert.deepEqual(page.complaints, []);
});

for (const colorScheme of ["light", "dark"]) {
  for (const [device, size] of [
    ["phone", [390, 844]],
    ["desktop", [1280, 800]],
  ]) {
    test(`axe finds no serious violation on any page (${device}, ${colorScheme})`, { skip }, async (t) => {
      const { page, id, card } = await appWithNotes(t);
      await page.viewport(...size);
      await page.raw.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const serious = [];
      const look = async (what) => serious.push(...(await seriousViolations(page, what)));
      for (const [hash, hook] of pagesOf({ id, card })) {
        await goHash(page, hash);
        await dataOf(page, hook);
        await look(hook);
      }
      for (const [what, hash, act] of STATES) {
        await comeTo(page, hash, { id, card });
        await act(page);
        await look(what);
      }
      assert.deepEqual(serious, []);
    });
  }
}

test("the app is installable", { skip }, async (t) => {
  const server = await serveApp();
  const browser = await chromium.launch();
  t.after(() => closeAll(() => browser.close(), server.close));
  const page = await openApp(browser, server);
  const devtools = await page.devtools();
  const { url, errors, data } = await devtools.send("Page.getAppManifest");
  assert.deepEqual(errors, []);
  const manifest = JSON.parse(data);
  for (const key of ["name", "short_name", "start_url", "display", "icons", "theme_color", "background_color"]) assert.ok(manifest[key], `the manifest has ${key}`);
  const sizes = manifest.icons.flatMap((icon) => icon.sizes.split(" "));
  assert.ok(sizes.includes("192x192") && sizes.includes("512x512"), sizes.join(" "));
  assert.ok(manifest.icons.some((icon) => icon.purpose?.split(" ").includes("maskable")), "an icon is maskable");
  for (const icon of manifest.icons) {
    const answer = await fetch(new URL(icon.src, url));
    assert.equal(answer.status, 200, icon.src);
    assert.match(answer.headers.get("content-type"), /^image\//, icon.src);
  }
  await page.waitFor(() => navigator.serviceWorker.ready.then(() => true));
  const { installabilityErrors } = await devtools.send("Page.getInstallabilityErrors");
  assert.deepEqual(installabilityErrors, []);
});

test("the keyboard alone is enough to write a note and find it again", { skip }, async (t) => {
  const server = await serveApp();
  const browser = await chromium.launch();
  t.after(() => closeAll(() => browser.close(), server.close));
  const page = await openApp(browser, server, "#/new");
  await dataOf(page, "note-view", '[data-ready="true"]');
  await page.raw.bringToFront();
  const focusOn = async (hook) => {
    for (let presses = 0; presses < 60; presses++) {
      if (await page.evaluate((hook) => Boolean(document.activeElement?.closest(`[data-testid="${hook}"]`)), hook)) return;
      await page.press("Tab");
    }
    assert.fail(`${hook} was not reached by Tab`);
  };
  await focusOn("note-title");
  await page.raw.keyboard.type("By keyboard");
  await focusOn("editor");
  await page.raw.keyboard.type("nothing but keys");
  await dataOf(page, "note-save-state", '[data-state="saved"]');
  await page.press("Escape");
  await page.press("Control+k");
  await dataOf(page, "palette");
  await page.raw.keyboard.type("By keyboard");
  await page.waitFor(() => [...document.querySelectorAll('[data-testid="palette-item"]')].some((item) => item.textContent.includes("By keyboard")));
});

test("a new build asks before it replaces the one that runs", { skip }, async (t) => {
  const server = await serveApp();
  const browser = await chromium.launch();
  t.after(() => closeAll(() => browser.close(), server.close));
  const page = await openApp(browser, server);
  await page.waitFor(() => navigator.serviceWorker.ready.then(() => true));
  await page.reload();
  await appReady(page);
  const before = await dataOf(page, "app");
  const scriptUrl = await page.evaluate(() => navigator.serviceWorker.controller.scriptURL);
  const path = new URL(scriptUrl).pathname;
  // Any other byte makes it another service worker.
  server.replace[path] = Buffer.concat([Buffer.from(await (await fetch(scriptUrl)).arrayBuffer()), Buffer.from("\n// another build\n")]);
  await page.evaluate(async () => void (await (await navigator.serviceWorker.getRegistration()).update()));
  await dataOf(page, "update-ready");
  assert.equal((await dataOf(page, "app")).build, before.build, "nothing changed yet");
  await page.click('[data-testid="update-apply"]');
  await page.waitFor(() => !document.querySelector('[data-testid="update-ready"]') && document.querySelector('[data-testid="app"]')?.dataset.ready === "true");
});
