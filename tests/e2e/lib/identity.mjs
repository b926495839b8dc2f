// What a person does about their identity in the app: words, passphrase, lock.
import { appReady, dataOf, goHash, tid } from "./app.mjs";

/** Fills in a field of the app. */
export async function fill(page, name, text, more = "") {
  const selector = tid(name, more);
  await dataOf(page, name, more);
  await page.fill(selector, text);
}

/** Has the words shown, checks three of them, and gives them. */
export async function writeWordsDown(page) {
  await goHash(page, "#/recovery");
  await dataOf(page, "words-show");
  await page.click(tid("words-show"));
  await dataOf(page, "word", '[data-index="23"]');
  const words = await page.evaluate(() => [...document.querySelectorAll('[data-testid="word"] .word')].map((element) => element.textContent.trim()));
  await page.click(tid("words-written"));
  await dataOf(page, "words-check-input");
  const asked = await page.evaluate(() => [...document.querySelectorAll('[data-testid="words-check-input"]')].map((element) => Number(element.dataset.index)));
  for (const index of asked) await fill(page, "words-check-input", words[index], `[data-index="${index}"]`);
  await page.click(tid("words-check-submit"));
  await dataOf(page, "words-confirmed");
  return words;
}

/** Sets a passphrase on the page of the ways back in. */
export async function setPassphrase(page, passphrase, { askAtStart = false } = {}) {
  await goHash(page, "#/recovery");
  await fill(page, "passphrase-input", passphrase);
  if (askAtStart) await page.click(tid("passphrase-ask-at-start"));
  await page.click(tid("passphrase-save"));
  await dataOf(page, "passphrase-card", '[data-set="true"]');
}

/** Locks by the button beside the name. */
export async function lockNow(page) {
  await page.click(tid("lock-now"));
  await dataOf(page, "lock-screen");
}

/** Unlocks by the passphrase. */
export async function unlock(page, passphrase) {
  await fill(page, "unlock-passphrase", passphrase);
  await page.click(tid("unlock-submit"));
  await dataOf(page, "app", '[data-locked="false"]');
}

/** Waits until the app is up, locked. */
export async function appLocked(page) {
  await appReady(page);
  await dataOf(page, "lock-screen");
}

/** The identity as the node tells it. */
export const identityOf = (page) => page.evaluate(() => globalThis.avatarApp.avatar.identity.state());
