// The app, as a person uses it, in each engine: first run, import, edit, reload, offline reload, two tabs, export.
import assert from "node:assert/strict";
import { test } from "node:test";
import { unzipSync } from "fflate";
import { allNotes, dataOf, goHash, importFiles, noteSaved, noteText, offlineReady, openApp, reloadApp, serveApp, tid, typeIntoNote } from "./lib/app.mjs";
import { engines, skipWithout } from "./lib/engines/index.mjs";
import { closeAll } from "./lib/fixture.mjs";
import { copyNotesFlat, differences, markdownBelowNodeModules } from "./lib/notes.mjs";
import { temporaryFolder } from "./lib/temp.mjs";

for (const engine of engines) {
  test(`${engine.name}: a person's first day`, { skip: await skipWithout(engine) }, async (t) => {
    const folder = await temporaryFolder();
    const files = await copyNotesFlat(await markdownBelowNodeModules(), folder.path, { count: 25 });
    const server = await serveApp();
    const browser = await engine.launch();
    t.after(() => closeAll(() => browser.close(), server.close, folder.remove));
    const page = await openApp(browser, server);
    let edited;

    await t.test("the first visit welcomes, with an identity made here", async () => {
      await dataOf(page, "welcome");
      await goHash(page, "#/identity");
      const { text } = await dataOf(page, "identity-did");
      assert.match(text, /did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{40,}/);
    });

    await t.test("files are imported, character for character", async () => {
      const { imported, refused } = await importFiles(page, files.map(({ file }) => file));
      assert.deepEqual({ imported, refused }, { imported: files.length, refused: 0 });
      const notes = await allNotes(page);
      assert.deepEqual(differences(notes.map(({ path, body }) => [path, body]), files.map(({ path, bytes }) => [path, bytes.toString()])), []);
      await goHash(page, "#/");
      assert.equal(Number((await dataOf(page, "note-count", `[data-total="${files.length}"]`)).total), files.length);
    });

    await t.test("a note is edited, and says when it is saved", async () => {
      // A short one: an editor holds only the lines in view, and the test looks at what it shows.
      edited = (await allNotes(page)).sort((a, b) => a.body.length - b.body.length)[0];
      await goHash(page, `#/note/${edited.id}`);
      await typeIntoNote(page, " typed by a person");
      await noteSaved(page);
      edited.body += " typed by a person";
      assert.equal(await noteText(page, edited.id), edited.body);
    });

    await t.test("all is there after a reload", async () => {
      await reloadApp(page);
      assert.equal(await noteText(page, edited.id), edited.body);
      assert.equal((await allNotes(page)).length, files.length);
    });

    await t.test("all is there after a reload with the server gone", async () => {
      await offlineReady(page);
      await server.goOffline();
      await reloadApp(page);
      assert.equal(await noteText(page, edited.id), edited.body);
      await goHash(page, `#/note/${edited.id}`);
      await typeIntoNote(page, " and offline");
      await noteSaved(page);
      edited.body += " and offline";
      await reloadApp(page);
      assert.equal(await noteText(page, edited.id), edited.body);
      await server.goOnline();
    });

    await t.test("two tabs show and edit the same note", async () => {
      const other = await openApp(browser, server, `#/note/${edited.id}`);
      await goHash(page, `#/note/${edited.id}`);
      await typeIntoNote(page, " one");
      const shows = (text) => document.querySelector('[data-testid="editor"] .cm-content')?.textContent.includes(text);
      await other.waitFor(shows, [" one"]);
      await typeIntoNote(other, " two");
      await page.waitFor(shows, [" two"]);
      await Promise.all([noteSaved(page), noteSaved(other)]);
      edited.body += " one two";
      assert.equal(await noteText(page, edited.id), edited.body);
      assert.equal(await noteText(other, edited.id), edited.body);
      await other.close();
    });

    await t.test("the export gives back every file", async () => {
      await goHash(page, "#/export");
      await dataOf(page, "export-zip");
      const { name, bytes } = await page.download(() => page.click(tid("export-zip")));
      assert.match(name, /\.zip$/);
      assert.equal(Number((await dataOf(page, "export-summary")).count), files.length);
      const exported = unzipSync(bytes);
      const expected = files.map(({ path, bytes }) => [path, path === edited.path ? edited.body : bytes.toString()]);
      assert.deepEqual(differences(Object.entries(exported).map(([path, content]) => [path, Buffer.from(content).toString()]), expected), []);
    });

    await t.test("what the engine lacks is told, not hidden", async () => {
      const { lacking } = await page.evaluate(() => globalThis.avatarApp.avatar.status());
      await goHash(page, "#/storage");
      assert.equal(Number((await dataOf(page, "storage-lacking")).count), lacking.length);
      const hasStorageManager = await page.evaluate(() => Boolean(navigator.storage));
      assert.equal(lacking.some((what) => what.includes("navigator.storage")), !hasStorageManager);
    });

    await t.test("no error was logged, and no policy was violated", () => assert.deepEqual(page.complaints, []));
  });
}
