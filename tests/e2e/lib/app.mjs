// The app, served as its headers.json asks and driven by the hooks that www/README.md promises.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT, WWW_DIST } from "./paths.mjs";
import { serve } from "./serve.mjs";

/** The selector of a test hook: `tid("note-row", "[data-index='0']")`. */
export const tid = (name, more = "") => `[data-testid="${name}"]${more}`;

/** Serves the built app with the headers that it asks servers to send. */
export async function serveApp(options = {}) {
  const file = join(ROOT, "www/headers.json");
  const headers = existsSync(file) ? JSON.parse(await readFile(file, "utf8")) : {};
  return serve({ "/": WWW_DIST }, { ...options, headers: { ...headers, ...options.headers } });
}

/** Waits until the Avatar of the page is up. */
export async function appReady(page) {
  const complaints = (cause) => new Error(`the app did not become ready:\n${page.complaints.join("\n")}`, { cause });
  const state = await page
    .waitFor(
      () => {
        const failed = document.querySelector('[data-testid="start-error"]');
        if (failed) return `${failed.dataset.code} ${failed.textContent}`;
        return document.querySelector('[data-testid="app"]')?.dataset.ready === "true" ? "ready" : null;
      },
      [],
      60_000,
    )
    .catch(async (error) => {
      const shown = await page.evaluate(() => document.body.innerText.slice(0, 500)).catch(String);
      throw complaints(new Error(`it shows: ${shown}`, { cause: error }));
    });
  if (state !== "ready") throw complaints(new Error(state));
  return page;
}

/** Opens the app in a new tab: `where` is what comes after the address ("#/import", "?name=x#/"). */
export async function openApp(browser, server, where = "") {
  return appReady(await browser.open(server.url + where));
}

export async function reloadApp(page) {
  await page.reload();
  await appReady(page);
}

/** Goes to a page of the app by its address. */
export async function goHash(page, hash) {
  await page.evaluate((hash) => void (location.hash = hash), hash);
}

/** Waits for an element of the hook; gives its data attributes. */
export function dataOf(page, name, more = "", timeoutMs = 30_000) {
  return page.waitFor(
    (selector) => {
      const element = document.querySelector(selector);
      return element && { ...element.dataset, text: element.textContent };
    },
    [tid(name, more)],
    timeoutMs,
  );
}

/** Imports files through the app's own file input; gives the summary. */
export async function importFiles(page, paths, { input = "import-input-files", timeoutMs = 120_000 } = {}) {
  await goHash(page, "#/import");
  await dataOf(page, "import-pick-files");
  await page.setFiles(tid(input), paths);
  const summary = await dataOf(page, "import-summary", "", timeoutMs);
  return { imported: Number(summary.imported), unchanged: Number(summary.unchanged), refused: Number(summary.refused) };
}

/** All notes as the index has them, and the text of each as the document has it: [{ id, title, path, body }]. */
export function allNotes(page) {
  return page.evaluate(async () => {
    const { avatar } = globalThis.avatarApp;
    const rows = await avatar.docs.query({ type: "note", orderBy: ["path", "title"] }).get();
    const read = async (row) => {
      const doc = await avatar.docs.open(row.id);
      const { body, encoding } = doc.value;
      await doc.close();
      return { id: row.id, title: row.value.title, path: row.value.path, body, encoding: encoding ?? null };
    };
    const notes = [];
    while (rows.length > notes.length) notes.push(...(await Promise.all(rows.slice(notes.length, notes.length + 32).map(read))));
    return notes;
  });
}

/** Waits until the service worker serves this page: from then on it works offline. */
export async function offlineReady(page) {
  await page.waitFor(() => navigator.serviceWorker.ready.then(() => true), [], 60_000);
  if (!(await page.evaluate(() => Boolean(navigator.serviceWorker.controller)))) await reloadApp(page);
  await page.waitFor(() => Boolean(navigator.serviceWorker.controller));
}

/** Types into the open note's editor, at its end. */
export async function typeIntoNote(page, text) {
  await dataOf(page, "note-view", '[data-ready="true"]');
  await page.click(`${tid("editor")} .cm-content`);
  await page.press("Control+End");
  await page.type(`${tid("editor")} .cm-content`, text);
}

/** Waits until the open note says that it is saved. */
export function noteSaved(page) {
  return dataOf(page, "note-save-state", '[data-state="saved"]');
}

/** The text that the open note's editor shows: all of it, not only the lines in view. */
export function noteText(page, id) {
  return page.evaluate(async (id) => {
    const doc = await globalThis.avatarApp.avatar.docs.open(id);
    const { body } = doc.value;
    await doc.close();
    return body;
  }, id);
}
