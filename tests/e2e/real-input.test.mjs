// Every README.md and CHANGELOG.md below node_modules, through the app: counted, compared byte for byte, reloaded, reloaded offline, exported.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { unzipSync } from "fflate";
import { allNotes, dataOf, goHash, importFiles, offlineReady, openApp, reloadApp, serveApp, tid } from "./lib/app.mjs";
import { chromium, skipWithout } from "./lib/engines/index.mjs";
import { closeAll } from "./lib/fixture.mjs";
import { copyNotes, markdownBelowNodeModules } from "./lib/notes.mjs";
import { temporaryFolder } from "./lib/temp.mjs";

const digest = (content) => createHash("sha256").update(content).digest("hex");

/** Path → digest of the bytes: a difference names the file and does not print a book. */
const digests = (entries) => Object.fromEntries([...entries].map(([path, content]) => [path, digest(content)]).sort());

test("a folder of several hundred real files: imported, there after reloads, exported as it was", { skip: await skipWithout(chromium) }, async (t) => {
  const folder = await temporaryFolder();
  const files = await copyNotes(await markdownBelowNodeModules(), folder.path);
  const server = await serveApp();
  const browser = await chromium.launch();
  t.after(() => closeAll(() => browser.close(), server.close, folder.remove));
  assert.ok(files.length >= 200, `only ${files.length} files below node_modules`);
  t.diagnostic(`${files.length} files, ${(files.reduce((sum, { bytes }) => sum + bytes.length, 0) / 1e6).toFixed(1)} MB`);
  const page = await openApp(browser, server);
  let titles;

  // The picker names the folder itself first, as the tree that the person chose.
  const top = folder.path.split("/").at(-1);
  const withoutTop = (path) => (path.startsWith(`${top}/`) ? path.slice(top.length + 1) : path);
  const expected = digests(files.map(({ path, bytes }) => [path, bytes]));

  await t.test("all are imported", async () => {
    const { imported, refused } = await importFiles(page, [folder.path], { input: "import-input-folder", timeoutMs: 300_000 });
    assert.deepEqual({ imported, refused }, { imported: files.length, refused: 0 });
  });

  const checkAll = async () => {
    const notes = await allNotes(page);
    assert.equal(notes.length, files.length);
    assert.ok(notes.every(({ title }) => title.trim() !== ""), "each has a title");
    const now = Object.fromEntries(notes.map(({ path, title }) => [withoutTop(path), title]).sort());
    titles ??= now;
    assert.deepEqual(now, titles, "titles are as at the import");
    const utf8 = notes.filter(({ encoding }) => encoding === null);
    const bytesOf = Object.fromEntries(utf8.map(({ path, body }) => [withoutTop(path), digest(body)]).sort());
    assert.deepEqual(bytesOf, Object.fromEntries(Object.entries(expected).filter(([path]) => path in bytesOf)), "the texts are the files");
    assert.ok(utf8.length > files.length * 0.95, "nearly all files are UTF-8");
    await goHash(page, "#/");
    assert.equal(Number((await dataOf(page, "note-count", `[data-total="${files.length}"]`)).total), files.length);
  };

  await t.test("count, titles and bytes are those of the files", checkAll);
  await t.test("count, titles and bytes are the same after a reload", async () => {
    await reloadApp(page);
    await checkAll();
  });
  await t.test("count, titles and bytes are the same after an offline reload", async () => {
    await offlineReady(page);
    await server.goOffline();
    await reloadApp(page);
    await checkAll();
    await server.goOnline();
  });
  await t.test("the export has the same files with the same bytes", async () => {
    await goHash(page, "#/export");
    await dataOf(page, "export-zip");
    const { bytes } = await page.download(() => page.click(tid("export-zip")));
    assert.deepEqual(digests(Object.entries(unzipSync(bytes)).map(([path, content]) => [withoutTop(path), content])), expected);
  });
  await t.test("importing the same folder again changes nothing", async () => {
    await reloadApp(page);
    const { imported, unchanged, refused } = await importFiles(page, [folder.path], { input: "import-input-folder", timeoutMs: 300_000 });
    assert.deepEqual({ imported, unchanged, refused }, { imported: 0, unchanged: files.length, refused: 0 });
  });
  assert.deepEqual(page.complaints, [], "no error was logged");
});
