// The wallet as people use it: one issues, one holds and shows, one verifies. In Chromium, with codes that are read from pictures.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { dataOf, goHash, offlineReady, openApp, reloadApp, serveApp, tid } from "./lib/app.mjs";
import { chromium, skipWithout } from "./lib/engines/index.mjs";
import { cameraShowing, filmOf } from "./lib/film.mjs";
import { closeAll } from "./lib/fixture.mjs";
import { fill } from "./lib/identity.mjs";
import { temporaryFolder } from "./lib/temp.mjs";

const skip = await skipWithout(chromium);

/** The app in a browser of its own. */
async function app(t, server) {
  const browser = await chromium.launch();
  t.after(() => browser.close());
  return openApp(browser, server);
}

const didOf = (page) => page.evaluate(() => globalThis.avatarApp.avatar.did);

/** Signs a statement by the form; gives it as text. */
async function issue(page, { name, subject, lines, statusUrl }) {
  await goHash(page, "#/wallet/issue");
  await fill(page, "issue-name", name);
  await fill(page, "issue-subject", subject);
  for (const [at, [key, value]] of lines.entries()) {
    if (at > 0) await page.click(tid("issue-line-add"));
    await fill(page, "issue-line-name", key, `[data-index="${at}"]`);
    await fill(page, "issue-line-value", value, `[data-index="${at}"]`);
  }
  if (statusUrl) {
    await page.click(".more summary");
    await fill(page, "issue-status-url", statusUrl);
  }
  await page.click(tid("issue-sign"));
  return (await dataOf(page, "issue-handout")).document;
}

/** Verifies a text by the form; gives the report as it is shown. */
async function verify(page, text) {
  await goHash(page, "#/wallet");
  await dataOf(page, "wallet-verify");
  await goHash(page, "#/wallet/verify");
  await fill(page, "verify-text", text);
  await page.click(tid("verify-run"));
  return shownReport(page);
}

async function shownReport(page) {
  const { verified, failed } = await dataOf(page, "report");
  const checks = await page.evaluate(() => [...document.querySelectorAll('[data-testid="check"]')].map(({ dataset, textContent }) => ({ ...dataset, text: textContent })));
  return { verified: verified === "true", failed: Number(failed), checks };
}

/** A picture of a shown code, as a phone would take it. */
async function photograph(page, hook, folder) {
  await dataOf(page, hook);
  await page.front();
  const file = join(folder, `${hook}-${Math.random()}.png`);
  await page.raw.locator(tid(hook)).screenshot({ path: file });
  return file;
}

test("one issues, one holds and shows, one verifies; codes are scanned from pictures", { skip }, async (t) => {
  const server = await serveApp();
  const folder = await temporaryFolder();
  t.after(() => closeAll(server.close, folder.remove));
  const club = await app(t, server);
  const ada = await app(t, server);
  let credential;

  await t.test("a signed statement is in the issuer's wallet, and holds", async () => {
    credential = await issue(club, { name: "Member of the rowing club", subject: await didOf(ada), lines: [["Since", "2019"], ["Boat", "Grüße & <Söhne>"]] });
    const { issuer, credentialSubject, proof } = JSON.parse(credential);
    assert.equal(issuer.id ?? issuer, await didOf(club));
    assert.deepEqual(credentialSubject, { id: await didOf(ada), since: "2019", boat: "Grüße & <Söhne>" });
    assert.equal(proof.cryptosuite, "eddsa-jcs-2022");
    const { verified, failed } = await verify(club, credential);
    assert.deepEqual([verified, failed], [true, 0]);
    await goHash(club, "#/wallet");
    assert.equal((await dataOf(club, "wallet-card")).issued, "true");
  });

  await t.test("whatever is changed in it, it does not hold, and the check that failed is shown", async () => {
    for (const [from, to] of [["2019", "2018"], ["rowing", "bowing"], ['"boat"', '"ship"']]) {
      assert.ok(credential.includes(from));
      const { verified, checks } = await verify(club, credential.replace(from, to));
      assert.ok(!verified);
      const signature = checks.find(({ check }) => check === "signature");
      assert.equal(signature.outcome, "failed", from);
      assert.match(signature.text, /Failed/);
    }
  });

  await t.test("what is no credential is said to be none", async () => {
    await goHash(ada, "#/wallet/add");
    for (const text of ["hello", "{}", "did:key:z6Mk", '{"type":"VerifiablePresentation"}']) {
      await fill(ada, "add-text", text);
      await ada.waitFor(() => document.querySelector(".field-error"));
      assert.equal(await ada.evaluate(() => document.querySelector('[data-testid="add-keep"]')), null);
    }
  });

  await t.test("the holder scans it from a picture, sees what it says, and keeps it", async () => {
    await goHash(club, "#/wallet");
    await dataOf(club, "wallet-card");
    await club.click(tid("wallet-card"));
    await dataOf(club, "card-share");
    await club.click(tid("card-share"));
    const picture = await photograph(club, "card-handout-qr", folder.path);
    await goHash(ada, "#/wallet");
    await dataOf(ada, "wallet-empty");
    await ada.click(tid("wallet-add"));
    await dataOf(ada, "add-text");
    await ada.setFiles(tid("add-text-file"), [picture]);
    await dataOf(ada, "add-preview");
    await ada.click(tid("add-keep"));
    await dataOf(ada, "card-detail");
    assert.equal((await dataOf(ada, "claims")).count, "2");
    const { verified } = await shownReport(ada);
    assert.ok(verified);
    await ada.click(tid("card-raw"));
    assert.deepEqual(JSON.parse((await dataOf(ada, "card-json")).text), JSON.parse(credential));
    await reloadApp(ada);
    await goHash(ada, "#/wallet");
    assert.equal((await dataOf(ada, "wallet-cards")).count, "1");
  });

  await t.test("a picture without a code is said to have none", async () => {
    await goHash(ada, "#/wallet/add");
    const file = join(folder.path, "empty.png");
    await ada.raw.locator("h1").first().screenshot({ path: file });
    await ada.setFiles(tid("add-text-file"), [file]);
    await dataOf(ada, "toast", '[data-code="NO_CODE"]');
    await ada.click(tid("toast-close"));
  });

  let presentation;
  await t.test("a request is scanned; the holder sees who asks and what is shown, and answers", async () => {
    await goHash(club, "#/wallet/ask");
    await fill(club, "ask-reason", "To let you into the boathouse");
    await fill(club, "ask-domain", "boathouse.example");
    await club.click(tid("ask-make"));
    const picture = await photograph(club, "ask-handout-qr", folder.path);
    await goHash(ada, "#/wallet/present");
    await dataOf(ada, "present-request");
    await ada.setFiles(tid("present-request-file"), [picture]);
    const asked = await dataOf(ada, "present-asked");
    assert.equal(asked.domain, "boathouse.example");
    assert.match(asked.text, /To let you into the boathouse/);
    // The only card that fits is chosen already.
    const reveals = await dataOf(ada, "present-reveals");
    assert.match(reveals.text, /Since.*2019/);
    await ada.click(tid("present-make"));
    presentation = (await dataOf(ada, "present-handout")).document;
    assert.equal(JSON.parse(presentation).proof.domain, "boathouse.example");
  });

  await t.test("the verifier checks it for this very request, once", async () => {
    const { verified, failed, checks } = await verify(club, presentation);
    assert.deepEqual([verified, failed], [true, 0], JSON.stringify(checks));
    for (const id of ["challenge", "domain", "signature"]) assert.ok(checks.some(({ check, outcome }) => check === id && outcome === "passed"), id);
    const again = await verify(club, presentation);
    assert.ok(!again.verified, "one request is answered once");
    const stolen = await verify(club, presentation.replace("2019", "2001"));
    assert.ok(!stolen.verified);
  });

  await t.test("nothing of it needs the network", async () => {
    await offlineReady(ada);
    await server.goOffline();
    await reloadApp(ada);
    await goHash(ada, "#/wallet");
    await dataOf(ada, "wallet-card");
    await ada.click(tid("wallet-card"));
    const { verified } = await shownReport(ada);
    assert.ok(verified);
    await server.goOnline();
  });

  assert.deepEqual([...club.complaints, ...ada.complaints], []);
});

test("what was issued with a status list can be revoked, and then does not hold", { skip }, async (t) => {
  const server = await serveApp();
  t.after(server.close);
  const page = await app(t, server);
  const credential = await issue(page, { name: "Key to the boathouse", subject: await didOf(page), lines: [["Door", "North"]], statusUrl: "https://club.example/status/1" });
  assert.ok((await verify(page, credential)).verified);
  await goHash(page, "#/wallet");
  await dataOf(page, "wallet-card");
  await page.click(tid("wallet-card"));
  await dataOf(page, "card-revoke");
  await page.click(tid("card-revoke"));
  await page.click(tid("dialog-confirm"));
  const list = JSON.parse((await dataOf(page, "status-list")).document);
  assert.ok(list.type.includes("BitstringStatusListCredential"));
  assert.equal(list.id, "https://club.example/status/1");
  await page.waitFor(() => document.querySelector(".vc")?.dataset.state === "revoked");
  const { verified, checks } = await verify(page, credential);
  assert.ok(!verified);
  assert.equal(checks.find(({ check }) => check === "status").outcome, "failed");
  assert.deepEqual(page.complaints, []);
});

test("a card that is removed is gone, and a file brings it back", { skip }, async (t) => {
  const server = await serveApp();
  const folder = await temporaryFolder();
  t.after(() => closeAll(server.close, folder.remove));
  const page = await app(t, server);
  const credential = await issue(page, { name: "A note of thanks", subject: "did:example:somebody", lines: [["For", "the tea"]] });
  await goHash(page, "#/wallet");
  await dataOf(page, "wallet-card");
  await page.click(tid("wallet-card"));
  await dataOf(page, "card-forget");
  await page.click(tid("card-forget"));
  await page.click(tid("dialog-confirm"));
  await dataOf(page, "wallet-empty");
  const file = join(folder.path, "card.json");
  await writeFile(file, JSON.stringify(JSON.parse(credential), undefined, 2));
  await goHash(page, "#/wallet/add");
  await dataOf(page, "add-text");
  await page.setFiles(tid("add-text-file"), [file]);
  await dataOf(page, "add-preview");
  await page.click(tid("add-keep"));
  assert.ok((await shownReport(page)).verified);
});

test("a statement that is held before the camera is read and verified", { skip }, async (t) => {
  const server = await serveApp();
  t.after(server.close);
  const folder = await temporaryFolder();
  t.after(folder.remove);
  const issuer = await app(t, server);
  const text = await issue(issuer, { name: "Member", subject: "did:example:ada", lines: [["since", "2019"]] });
  const film = join(folder.path, "camera.y4m");
  await writeFile(film, filmOf(text));
  const browser = await chromium.launch({ args: cameraShowing(film) });
  t.after(() => browser.close());
  const page = await openApp(browser, { url: server.url.replace("127.0.0.1", "localhost") }, "#/wallet/verify");
  await dataOf(page, "verify-text");
  await page.front();
  await page.click(tid("verify-text-scan"));
  await page.waitFor(() => document.querySelector('[data-testid="verify-text"]')?.value.length > 0);
  assert.equal(await page.evaluate(() => document.querySelector('[data-testid="verify-text"]').value), text);
  await page.click(tid("verify-run"));
  assert.ok((await shownReport(page)).verified);
});

test("the camera's picture is looked at until a code is seen; a camera that is refused is said so", { skip }, async (t) => {
  const server = await serveApp();
  t.after(server.close);
  // Chromium's own film as a camera: it shows no code, and asks nobody.
  const browser = await chromium.launch({ args: ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"] });
  t.after(() => browser.close());
  const page = await openApp(browser, { url: server.url.replace("127.0.0.1", "localhost") }, "#/wallet/verify");
  await dataOf(page, "verify-text");
  await page.front();
  await page.click(tid("verify-text-scan"));
  await page.waitFor(() => document.querySelector(".scan-view video")?.videoWidth > 0);
  await page.press("Escape");
  await page.waitFor(() => !document.querySelector('[data-testid="scan"]'));
  await page.evaluate(() => (navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"))));
  await page.click(tid("verify-text-scan"));
  assert.match((await dataOf(page, "scan-trouble")).text, /does not let this page use the camera/);
  assert.deepEqual(page.complaints, []);
});
