// The identity as a person meets it, in each engine: the first run, the words, the lock, and the way back in on another device; and passkeys, in Chromium.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { allNotes, dataOf, goHash, noteSaved, noteText, offlineReady, openApp, reloadApp, serveApp, tid, typeIntoNote } from "./lib/app.mjs";
import { chromium, engines, skipWithout } from "./lib/engines/index.mjs";
import { closeAll } from "./lib/fixture.mjs";
import { appLocked, fill, identityOf, lockNow, setPassphrase, unlock, writeWordsDown } from "./lib/identity.mjs";
import { temporaryFolder } from "./lib/temp.mjs";

const PASSPHRASE = "rowing before breakfast, always";

/** The app in a browser of its own. */
async function app(t, engine, { server } = {}) {
  const own = server ?? (await serveApp());
  const browser = await engine.launch();
  t.after(() => closeAll(() => browser.close(), () => (server ? undefined : own.close())));
  return { server: own, browser, page: await openApp(browser, own) };
}

/** Makes a note by the button and types into it; gives its id. */
async function writeNote(page, text) {
  await page.click(tid("new-note"));
  const { id } = await dataOf(page, "note-view", '[data-ready="true"]');
  await typeIntoNote(page, text);
  await noteSaved(page);
  return id;
}

for (const engine of engines) {
  const skip = await skipWithout(engine);

  test(`${engine.name}: the first minute asks nothing; the way back in is two minutes when the person likes, and works offline`, { skip }, async (t) => {
    const { page, server } = await app(t, engine);
    const began = Date.now();
    await dataOf(page, "welcome");
    await page.click(tid("welcome-write"));
    await dataOf(page, "note-view", '[data-ready="true"]');
    await typeIntoNote(page, "First thoughts");
    await noteSaved(page);
    assert.ok(Date.now() - began < 60_000, "under a minute");
    await goHash(page, "#/");
    await dataOf(page, "keep-way-back");

    await t.test("the reminder leads to the words; a wrong one is told, the right ones are enough", async () => {
      await page.click(tid("keep-way-back-open"));
      await dataOf(page, "words-show");
      await page.click(tid("words-show"));
      await dataOf(page, "word", '[data-index="23"]');
      await page.click(tid("words-written"));
      await dataOf(page, "words-check-input");
      const asked = await page.evaluate(() => [...document.querySelectorAll('[data-testid="words-check-input"]')].map((element) => Number(element.dataset.index)));
      for (const index of asked) await fill(page, "words-check-input", "wrong", `[data-index="${index}"]`);
      await page.click(tid("words-check-submit"));
      await page.waitFor(() => document.querySelectorAll('[data-testid="words-check"] .field-error').length === 3);
      assert.ok(!(await identityOf(page)).wordsConfirmed);
      await goHash(page, "#/identity");
      await writeWordsDown(page);
      assert.ok((await identityOf(page)).wordsConfirmed);
      await goHash(page, "#/");
      await dataOf(page, "note-list");
      assert.equal(await page.evaluate(() => document.querySelector('[data-testid="keep-way-back"]')), null);
    });

    await t.test("everything of it works with the server gone, also the parts that nobody has opened yet", async () => {
      await offlineReady(page);
      await server.goOffline();
      await reloadApp(page);
      for (const [hash, hook] of [["#/identity", "identity-qr"], ["#/recovery", "passphrase-input"], ["#/restore", "restore-check"], ["#/wallet", "wallet-empty"], ["#/wallet/verify", "verify-text"]]) {
        await goHash(page, hash);
        await dataOf(page, hook);
      }
      await server.goOnline();
    });
    assert.deepEqual(page.complaints, []);
  });

  test(`${engine.name}: the reminder is gone when it is not wanted, also after a reload`, { skip }, async (t) => {
    const { page } = await app(t, engine);
    await writeNote(page, "x");
    await goHash(page, "#/");
    await dataOf(page, "keep-way-back");
    await page.click(tid("keep-way-back-dismiss"));
    await page.waitFor(() => !document.querySelector('[data-testid="keep-way-back"]'));
    await reloadApp(page);
    await dataOf(page, "note-list");
    assert.equal(await page.evaluate(() => document.querySelector('[data-testid="keep-way-back"]')), null);
  });

  test(`${engine.name}: a lock shuts both tabs, keeps what was half typed, and opens for both`, { skip }, async (t) => {
    const { page, browser, server } = await app(t, engine);
    const id = await writeNote(page, "before");
    await setPassphrase(page, PASSPHRASE);
    const other = await openApp(browser, server, `#/note/${id}`);
    await goHash(page, `#/note/${id}`);
    await dataOf(page, "note-view", '[data-ready="true"]');
    await dataOf(other, "note-view", '[data-ready="true"]');

    await t.test("nothing of the notes is on the page any more, in either tab", async () => {
      await page.front();
      // Typed and locked in one task: the write is on its way when the lock comes.
      await page.evaluate(async (id) => {
        const doc = await globalThis.avatarApp.avatar.docs.open(id);
        globalThis.late = doc.splice(["body"], doc.value.body.length, 0, " and half").then(() => "saved");
        await globalThis.avatarApp.avatar.identity.lock();
        globalThis.later = doc.splice(["body"], doc.value.body.length, 0, " typed").then(() => "saved");
      }, id);
      await dataOf(page, "lock-screen");
      await dataOf(other, "lock-screen");
      for (const tab of [page, other]) {
        const shown = await tab.evaluate(() => document.documentElement.outerHTML + document.title);
        assert.ok(!shown.includes("before"), "no word of the note is left");
      }
    });

    await t.test("a wrong passphrase is told as such, and opens nothing", async () => {
      await other.front();
      await fill(other, "unlock-passphrase", "not this one");
      await other.click(tid("unlock-submit"));
      await other.waitFor(() => document.querySelector('[data-testid="unlock-error"]')?.textContent.includes("not it"));
      assert.ok((await identityOf(page)).locked);
      const { code } = await other.evaluate(() => globalThis.avatarApp.avatar.docs.query({}).get().catch(({ code }) => ({ code })));
      assert.equal(code, "LOCKED");
    });

    await t.test("the tab that follows unlocks for both, and what was half typed is saved", async () => {
      await unlock(other, PASSPHRASE);
      await dataOf(page, "note-view", '[data-ready="true"]');
      assert.equal(await page.evaluate(async () => `${await globalThis.late} ${await globalThis.later}`), "saved saved");
      assert.equal(await noteText(other, id), "before and half typed");
      assert.equal(await noteText(page, id), "before and half typed");
      await reloadApp(page);
      assert.equal(await noteText(page, id), "before and half typed");
    });

    await t.test("the note that was open can be written on", async () => {
      await goHash(other, `#/note/${id}`);
      await typeIntoNote(other, ", and more");
      await noteSaved(other);
      assert.equal(await noteText(page, id), "before and half typed, and more");
    });
  });

  test(`${engine.name}: a passphrase that is asked for at the start is, after a reload and in a new tab; words open, too`, { skip }, async (t) => {
    const { page, browser, server } = await app(t, engine);
    const id = await writeNote(page, "sealed");
    const words = await writeWordsDown(page);
    await setPassphrase(page, PASSPHRASE, { askAtStart: true });
    await page.reload();
    await appLocked(page);
    const other = await browser.open(server.url);
    await appLocked(other);
    await page.click(tid("unlock-other"));
    await fill(page, "unlock-words", words.map((word) => word.slice(0, 4)).join("\n"));
    await page.click(tid("unlock-submit"));
    await dataOf(page, "app", '[data-locked="false"]');
    await dataOf(other, "app", '[data-locked="false"]');
    assert.equal(await noteText(other, id), "sealed");
  });

  test(`${engine.name}: the keyboard locks and unlocks, and the timer locks by itself`, { skip }, async (t) => {
    const { page } = await app(t, engine);
    await setPassphrase(page, PASSPHRASE);
    await page.front();
    await page.press("Alt+l");
    await dataOf(page, "lock-screen");
    await page.type(":focus", PASSPHRASE);
    await page.press("Enter");
    await dataOf(page, "app", '[data-locked="false"]');
    await page.evaluate(() => globalThis.avatarApp.avatar.identity.recovery.lockAfter(1));
    await dataOf(page, "lock-screen");
    await unlock(page, PASSPHRASE);
  });

  test(`${engine.name}: a backup brings everything back on another device, and is looked into before anything is written`, { skip }, async (t) => {
    const { page, server } = await app(t, engine);
    const folder = await temporaryFolder();
    t.after(folder.remove);
    const texts = ["one", "two", "three"];
    for (const text of texts) await writeNote(page, text);
    const words = await writeWordsDown(page);
    const { did } = await identityOf(page);
    const save = async (name) => {
      const { name: suggested, bytes } = await page.download(() => page.click(tid("backup-save")));
      assert.match(suggested, /^avatar-backup-\d{4}-\d\d-\d\d\.age$/);
      assert.ok(bytes.toString("latin1").startsWith("age-encryption.org/v1\n"));
      const file = join(folder.path, name);
      await writeFile(file, bytes);
      return { file, bytes };
    };
    const byWords = await save("words.age");
    await page.click(tid("backup-by-passphrase"));
    await fill(page, "backup-passphrase", PASSPHRASE);
    const byPassphrase = await save("passphrase.age");

    const restore = async (target, file, how, secret) => {
      await goHash(target, "#/restore");
      await dataOf(target, "restore-check");
      await target.setFiles(tid("restore-file"), [file]);
      await target.click(tid(`restore-by-${how}`));
      await fill(target, "restore-secret", secret);
      await target.click(tid("restore-check"));
    };
    const bodies = async (target) => (await allNotes(target)).map(({ body }) => body).sort();

    await t.test("by the words", async (t) => {
      const { page: fresh } = await app(t, engine, { server });
      await dataOf(fresh, "welcome");
      await fresh.click(tid("welcome-restore"));
      await restore(fresh, byWords.file, "words", words.join(" "));
      const report = await dataOf(fresh, "restore-report");
      assert.deepEqual([report.did, report.documents], [did, "3"]);
      assert.deepEqual(await bodies(fresh), [], "nothing is written by looking into it");
      await fresh.click(tid("restore-apply"));
      await dataOf(fresh, "restore-done");
      assert.deepEqual(await bodies(fresh), texts.toSorted());
      assert.equal((await identityOf(fresh)).did, did);
      await reloadApp(fresh);
      assert.deepEqual(await bodies(fresh), texts.toSorted());
      assert.deepEqual(fresh.complaints, []);
    });

    await t.test("by a passphrase; a wrong one, and a damaged file, change nothing", async (t) => {
      const { page: fresh } = await app(t, engine, { server });
      const damaged = join(folder.path, "damaged.age");
      const bytes = Buffer.from(byPassphrase.bytes);
      bytes[bytes.length - 20] ^= 1;
      await writeFile(damaged, bytes);
      const cut = join(folder.path, "cut.age");
      await writeFile(cut, byPassphrase.bytes.subarray(0, byPassphrase.bytes.length - 100));
      for (const [file, secret] of [[byPassphrase.file, "not this one at all"], [damaged, PASSPHRASE], [cut, PASSPHRASE]]) {
        await restore(fresh, file, "passphrase", secret);
        await fresh.waitFor(() => document.querySelector('[data-testid="restore-error"]')?.textContent !== "");
        assert.deepEqual(await bodies(fresh), []);
        await goHash(fresh, "#/");
        await dataOf(fresh, "welcome");
      }
      await restore(fresh, byPassphrase.file, "passphrase", PASSPHRASE);
      await dataOf(fresh, "restore-report");
      await fresh.click(tid("restore-apply"));
      await dataOf(fresh, "restore-done");
      assert.deepEqual(await bodies(fresh), texts.toSorted());
    });

    await t.test("the words alone bring back who one is", async (t) => {
      const { page: fresh } = await app(t, engine, { server });
      assert.notEqual((await identityOf(fresh)).did, did);
      await goHash(fresh, "#/restore");
      await dataOf(fresh, "restore-how-words");
      await fresh.click(tid("restore-how-words"));
      await fill(fresh, "restore-words", words.toReversed().join(" "));
      await fresh.click(tid("restore-words-submit"));
      await fresh.waitFor(() => document.querySelector('[aria-invalid="true"]') !== null);
      await fill(fresh, "restore-words", words.join(" "));
      await fresh.click(tid("restore-words-submit"));
      assert.equal((await dataOf(fresh, "restore-done")).did, did);
      await reloadApp(fresh);
      assert.equal((await identityOf(fresh)).did, did);
      assert.ok((await identityOf(fresh)).wordsConfirmed);
    });
  });

  test(`${engine.name}: a new key leads from the old DID to the new one, with new words`, { skip }, async (t) => {
    const { page } = await app(t, engine);
    const id = await writeNote(page, "mine");
    const words = await writeWordsDown(page);
    const { did: before } = await identityOf(page);
    await goHash(page, "#/identity");
    await dataOf(page, "identity-rotate");
    await page.click(tid("identity-rotate"));
    await page.click(tid("dialog-cancel"));
    assert.equal((await identityOf(page)).did, before, "a question was asked, and nothing done");
    await page.click(tid("identity-rotate"));
    await page.click(tid("dialog-confirm"));
    await dataOf(page, "words-show");
    const { did: after, formerDids, wordsConfirmed } = await identityOf(page);
    assert.notEqual(after, before);
    assert.deepEqual([formerDids, wordsConfirmed], [[before], false]);
    assert.notDeepEqual(await writeWordsDown(page), words);
    await goHash(page, "#/identity");
    assert.equal((await dataOf(page, "identity-former")).text, before);
    assert.equal(await noteText(page, id), "mine");
    await reloadApp(page);
    assert.equal((await identityOf(page)).did, after);
  });

  test(`${engine.name}: a device has a name that the person gives it`, { skip }, async (t) => {
    const { page } = await app(t, engine);
    await goHash(page, "#/devices");
    await dataOf(page, "device", '[data-this="true"]');
    await page.click(tid("device-rename"));
    await fill(page, "device-name", "Kitchen laptop");
    await page.press("Enter");
    await page.waitFor(() => document.querySelector('[data-testid="device"]')?.textContent.includes("Kitchen laptop"));
    await reloadApp(page);
    await goHash(page, "#/devices");
    await page.waitFor(() => document.querySelector('[data-testid="device"]')?.textContent.includes("Kitchen laptop"));
  });
}

test("a passkey is a further way in", { skip: await skipWithout(chromium) }, async (t) => {
  const server = await serveApp();
  const browser = await chromium.launch();
  t.after(() => closeAll(() => browser.close(), server.close));
  // An IP address is no name that a passkey can be for.
  const page = await openApp(browser, { url: server.url.replace("127.0.0.1", "localhost") });
  const devtools = await page.devtools();
  await devtools.send("WebAuthn.enable");
  const { authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: { protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true, hasUserVerification: true, hasPrf: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  const id = await writeNote(page, "by a finger");
  await goHash(page, "#/recovery");
  await page.front();
  await fill(page, "passkey-label", "My laptop");
  await page.click(tid("passkey-add"));
  await dataOf(page, "passkeys-card", '[data-count="1"]');
  await lockNow(page);
  await page.click(tid("unlock-passkey"));
  await dataOf(page, "app", '[data-locked="false"]');
  assert.equal(await noteText(page, id), "by a finger");

  await t.test("one that the person does not give opens nothing", async () => {
    await setPassphrase(page, PASSPHRASE);
    await lockNow(page);
    await devtools.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
    await page.click(tid("unlock-passkey"));
    await page.waitFor(() => document.querySelector('[data-testid="unlock-error"]')?.textContent !== "");
    assert.ok((await identityOf(page)).locked);
    await unlock(page, PASSPHRASE);
  });

  await t.test("one that was removed is not asked for any more", async () => {
    await page.click(tid("passkey-remove"));
    await page.click(tid("dialog-confirm"));
    await dataOf(page, "passkeys-card", '[data-count="0"]');
    await lockNow(page);
    assert.equal(await page.evaluate(() => document.querySelector('[data-testid="unlock-passkey"]')), null);
    await unlock(page, PASSPHRASE);
  });
});
