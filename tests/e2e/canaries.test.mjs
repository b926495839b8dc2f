// What a person writes, and what opens it, is nowhere to be found at rest: not by a page of this origin, not by whoever reads the profile's files, not in a log.
import assert from "node:assert/strict";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { dataOf, goHash, importFiles, noteSaved, openApp, reloadApp, serveApp, tid, typeIntoNote } from "./lib/app.mjs";
import { chromium, skipWithout } from "./lib/engines/index.mjs";
import { closeAll } from "./lib/fixture.mjs";
import { appLocked, fill, lockNow, setPassphrase, unlock, writeWordsDown } from "./lib/identity.mjs";
import { dumpOrigin, findTexts } from "./lib/origin-dump.mjs";
import { temporaryFolder } from "./lib/temp.mjs";

const skip = await skipWithout(chromium);

/** Words that nothing else says, so that a find is a leak. */
const CANARIES = {
  body: "kanarienvogelkörper",
  title: "Canarytitleserinus",
  tag: "canarytagfringilla",
  property: "canaryPropertyFlaviventris",
  value: "canaryvaluemozambica",
  type: "canarytypeatrogularis",
  imported: "canaryimportedpusillus",
  claim: "canaryclaimcitrinella",
  passphrase: "canary passphrase over the rainbow",
  file: "canary file passphrase serinus",
};

test("canaries: nothing that was written, and nothing that opens it, is at rest in clear", { skip }, async (t) => {
  const server = await serveApp();
  const folder = await temporaryFolder();
  const profile = await temporaryFolder();
  const logged = [];
  let browser = await chromium.launch({ profile: profile.path });
  t.after(() => closeAll(() => browser.close(), server.close, folder.remove, profile.remove));
  const opened = async () => {
    const page = await browser.open();
    page.raw.on("console", (message) => logged.push(message.text()));
    page.raw.on("pageerror", (error) => logged.push(String(error)));
    await page.goto(server.url);
    return page;
  };

  const page = await opened();
  await dataOf(page, "welcome");
  const words = await writeWordsDown(page);
  await setPassphrase(page, CANARIES.passphrase, { askAtStart: true });

  await t.test("a full session: write, tag, import, lock, unlock, back up, be wrong", async () => {
    await page.click(tid("new-note"));
    await dataOf(page, "note-view", '[data-ready="true"]');
    await page.raw.fill(tid("note-title"), CANARIES.title);
    await typeIntoNote(page, `${CANARIES.body} #${CANARIES.tag}`);
    await noteSaved(page);
    const files = ["one", "two"].map((name) => join(folder.path, `${name}.md`));
    for (const file of files) await writeFile(file, `---\ntitle: ${CANARIES.title} ${file}\n---\n${CANARIES.imported}`);
    await importFiles(page, files);
    await page.evaluate(async ({ type, property, value }) => {
      const { docs } = globalThis.avatarApp.avatar;
      const doc = await docs.create(type, { [property]: value, nested: { [property]: [value] } });
      for (let n = 0; n < 50; n++) await doc.change((draft) => void (draft[property] = `${value} ${n}`));
      await doc.undo();
      await doc.close();
    }, CANARIES);
    await goHash(page, "#/recovery");
    await dataOf(page, "backup-save");
    await page.download(() => page.click(tid("backup-save")));
    await page.click(tid("backup-by-passphrase"));
    await fill(page, "backup-passphrase", CANARIES.file);
    await page.download(() => page.click(tid("backup-save")));
    await lockNow(page);
    await fill(page, "unlock-passphrase", `${CANARIES.passphrase}, almost`);
    await page.click(tid("unlock-submit"));
    await page.waitFor(() => document.querySelector('[data-testid="unlock-error"]')?.textContent !== "");
    await page.click(tid("unlock-other"));
    await fill(page, "unlock-words", words.join(" "));
    await page.click(tid("unlock-submit"));
    await dataOf(page, "app", '[data-locked="false"]');
    await page.reload();
    await appLocked(page);
    await unlock(page, CANARIES.passphrase);
    // A second start reads, compacts and writes again.
    await page.evaluate(async () => {
      const { docs } = globalThis.avatarApp.avatar;
      for (const row of await docs.query().get()) await (await docs.open(row.id)).close();
    });
  });

  await t.test("a note is looked for, and a credential issued and kept", async () => {
    await goHash(page, "#/");
    await fill(page, "search", CANARIES.body);
    await dataOf(page, "note-count", '[data-shown="1"]');
    await page.evaluate(async ({ claim }) => {
      const { credentials, did } = globalThis.avatarApp.avatar;
      await credentials.issue({ name: claim, credentialSubject: { id: did, [claim]: claim } }, { keep: true });
      await credentials.list();
    }, CANARIES);
  });

  const secrets = Object.values(CANARIES);
  // One word of the list is an English word, which may stand anywhere; several in their order are the person's.
  const phrases = words.slice(0, -2).map((_, at) => words.slice(at, at + 3));
  const wordTexts = phrases.flatMap((three) => [three.join(" "), three.join("\n"), three.join('","')]);

  await t.test("the search finds what is there: it would find a canary", async () => {
    await page.evaluate((text) => localStorage.setItem("probe", text), CANARIES.body);
    const finds = (await dumpOrigin(page)).flatMap(({ where, base64 }) => findTexts(where, Buffer.from(base64, "base64"), secrets));
    assert.equal(finds.length, 1, finds.join("\n"));
    await page.evaluate(() => localStorage.removeItem("probe"));
  });

  await t.test("no record of the origin has one, nor the words; the keys cannot be taken out", async () => {
    const dump = await dumpOrigin(page);
    const count = (what) => dump.filter(({ where }) => where.startsWith(what)).length;
    assert.ok(count("IndexedDB") > 20 && count("Cache") > 10, `${count("IndexedDB")} records, ${count("Cache")} cached files`);
    const finds = dump.flatMap(({ where, base64 }) => findTexts(where, Buffer.from(base64, "base64"), [...secrets, ...wordTexts]));
    assert.deepEqual(finds, []);
    const keys = dump.map(({ base64 }) => Buffer.from(base64, "base64").toString("latin1")).filter((text) => text.includes("CryptoKey private") || text.includes("CryptoKey secret"));
    assert.ok(keys.length > 0 && keys.every((text) => !/CryptoKey (private|secret) [\w-]+ extractable=true/.test(text)));
  });

  await t.test("no log has one", () => assert.deepEqual(logged.filter((text) => [...secrets, ...wordTexts].some((secret) => text.includes(secret))), []));

  await t.test("no file of the browser's profile has one", async () => {
    await browser.close();
    const finds = [];
    for (const entry of await readdir(profile.path, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = join(entry.parentPath, entry.name);
      finds.push(...findTexts(file.slice(profile.path.length), await readFile(file), [...secrets, ...wordTexts]));
    }
    browser = await chromium.launch({ profile: profile.path });
    assert.deepEqual(finds, []);
  });

  await t.test("and all of it is there for the one who has the passphrase", async () => {
    const again = await opened();
    await appLocked(again);
    await unlock(again, CANARIES.passphrase);
    await reloadApp(again);
    await unlock(again, CANARIES.passphrase);
    const bodies = await again.evaluate(async () => {
      const { docs } = globalThis.avatarApp.avatar;
      const rows = await docs.query({ type: "note" }).get();
      return Promise.all(rows.map(async (row) => (await docs.open(row.id)).value.body));
    });
    assert.ok(bodies.some((body) => body.includes(CANARIES.body)) && bodies.some((body) => body.includes(CANARIES.imported)));
  });
});
