// A change of what opens the data, broken off by SIGKILL at any moment, never locks the owner out: the old secret opens, or the new one, and the words always do.
import assert from "node:assert/strict";
import { test } from "node:test";
import { randomFrom } from "./app/random.js";
import { chromium, skipWithout } from "./lib/engines/index.mjs";
import { closeAll, openFixture, serveFixture } from "./lib/fixture.mjs";
import { temporaryFolder } from "./lib/temp.mjs";

const SEED = Number(process.env.AVATAR_SEED ?? 20261126);
const ROUNDS = 8;
/** The latest moment of a kill: some changes of a passphrase later. */
const LATEST_KILL_MS = 2_500;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const passphrase = (number) => `passphrase of number ${number}`;

/** Starts the node of the page; unlocks it by the first of the secrets that fits, and gives its number: null where nothing was locked, nothing where none fits. */
function startUnlocked(page, candidates) {
  return page.evaluate(async (candidates) => {
    await globalThis.start({ name: "secrets" });
    const { identity } = globalThis.avatar;
    if (!(await identity.state()).locked) return null;
    for (const [number, secret] of candidates) {
      const { value, code } = await globalThis.outcome(() => identity.unlock(secret));
      if (value !== undefined) return number;
      if (code !== "WRONG_SECRET") throw new Error(`unlocking failed with ${code}`);
    }
    return undefined;
  }, candidates);
}

test(`passphrases, wrappings and keys that change while the browser is killed open for their owner, ${ROUNDS} times`, { skip: await skipWithout(chromium) }, async (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = randomFrom(SEED);
  const profile = await temporaryFolder();
  // What the page says before it is killed: the number of the passphrase that it begins to set, and of the last that is set.
  const told = { begun: 0, set: 0 };
  const server = await serveFixture({ posts: { "/told": (news) => void Object.assign(told, news) } });
  let browser = await chromium.launch({ profile: profile.path });
  t.after(() => closeAll(() => browser.kill(), server.close, profile.remove));
  let page = await openFixture(browser, server);
  await startUnlocked(page, []);
  const id = await page.evaluate(async () => {
    const { identity, docs } = globalThis.avatar;
    await identity.recovery.setPassphrase("passphrase of number 0", { askAtStart: true });
    const doc = await docs.create("note", { title: "mine" });
    await doc.close();
    return doc.id;
  });
  let changes = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    await page.evaluate((from) => {
      const tell = (news) => fetch("/told", { method: "POST", body: JSON.stringify(news) });
      const { identity } = globalThis.avatar;
      const change = async () => {
        for (let number = from + 1; ; number++) {
          await tell({ begun: number });
          await identity.recovery.setPassphrase(`passphrase of number ${number}`, { askAtStart: true });
          await tell({ set: number });
          // Every third time the identity's key and the words are made anew, and wrap the data anew.
          if (number % 3 === 0) await identity.rotate();
        }
      };
      change().catch(() => undefined);
    }, told.set);
    const before = told.set;
    await sleep(random.below(LATEST_KILL_MS));
    await browser.kill();
    changes += told.set - before;
    browser = await chromium.launch({ profile: profile.path });
    page = await openFixture(browser, server);
    const numbers = told.begun === told.set ? [told.set] : [told.begun, told.set];
    const opened = await startUnlocked(page, numbers.map((number) => [number, { passphrase: passphrase(number) }]));
    assert.ok(numbers.includes(opened), `seed ${SEED}, round ${round}: none of the passphrases ${numbers.join(", ")} opens`);
    told.set = told.begun = opened;
    const { title, words } = await page.evaluate(async (id) => {
      const { identity, docs } = globalThis.avatar;
      const doc = await docs.open(id);
      const { title } = doc.value;
      await doc.close();
      const words = await identity.recovery.words();
      await identity.lock();
      await identity.unlock({ words });
      return { title, words: words.length };
    }, id);
    assert.deepEqual({ title, words }, { title: "mine", words: 24 });
  }
  t.diagnostic(`${changes} changes of the passphrase`);
  assert.ok(changes > 0, "the rounds changed something");
});
