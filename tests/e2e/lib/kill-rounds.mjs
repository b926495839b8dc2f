// Rounds of: open the browser on the profile that the last round left, check everything promised so far, write at random in one tab or two, kill the whole browser.
import { randomFrom } from "../app/random.js";
import { closeAll, serveFixture, startFixture } from "./fixture.mjs";
import { Ledger } from "./ledger.mjs";
import { temporaryFolder } from "./temp.mjs";

/** How many writes a round may see before the kill. */
const MOST_WRITES = 250;
/** How late after the start of a tab a kill may come that looks at no write: it meets start-up, migration, take-over. */
const LATEST_BLIND_KILL_MS = 800;

const NODE = { name: "kill" };

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves with {rounds, acknowledged, documents}; throws with the seed and the round when a promise is broken. `progress` is called after each round. */
export async function killRounds(engine, { rounds, seed, progress = () => {} }) {
  const random = randomFrom(seed);
  const profile = await temporaryFolder();
  const ledger = new Ledger();
  const server = await serveFixture({ posts: { "/acks": ledger.take } });
  let browser;
  try {
    browser = await engine.launch({ profile: profile.path });
    for (let round = 1; round <= rounds; round++) {
      await writeAndKill(browser, server, ledger, random, round, seed);
      browser = await engine.launch({ profile: profile.path });
      const page = await startFixture(browser, server, NODE);
      const wrong = ledger.broken(await page.evaluate(() => globalThis.everything()));
      if (ledger.failures.length > 0) wrong.push(`a write failed: ${JSON.stringify(ledger.failures[0])}`);
      if (wrong.length > 0) throw new Error(`seed ${seed}, round ${round} of ${rounds}, after ${ledger.count} acknowledged writes:\n${wrong.join("\n")}`);
      await page.close();
      progress({ round, acknowledged: ledger.count, documents: ledger.documents.length });
    }
    return { rounds, acknowledged: ledger.count, documents: ledger.documents.length };
  } finally {
    await closeAll(() => browser?.kill(), server.close, profile.remove);
  }
}

async function writeAndKill(browser, server, ledger, random, round, seed) {
  ledger.dying = false;
  const blind = random.next() < 0.2;
  const tabs = random.next() < 0.4 ? 2 : 1;
  const documents = ledger.documents.slice(-12);
  const start = async (tab) => {
    const page = await startFixture(browser, server, NODE);
    await page.evaluate((plan) => globalThis.startWriting(plan), { writer: `${round}${"abc"[tab]}`, seed: seed + round * 31 + tab, documents });
  };
  // A kill in the middle of a start rejects what the start was waiting for; but not all of it, always: Playwright has calls that never end when their browser is gone.
  const started = Promise.allSettled(Array.from({ length: tabs }, (_, tab) => start(tab)));
  if (blind) await sleep(random.below(LATEST_BLIND_KILL_MS));
  else {
    const enough = ledger.acknowledged(1 + random.below(MOST_WRITES));
    const failed = started.then((results) => {
      const reason = results.find((result) => result.status === "rejected")?.reason;
      return reason ? Promise.reject(reason) : enough;
    });
    const ended = browser.gone.then(() => Promise.reject(new Error("the browser ended by itself: nothing is proved by this round")));
    await Promise.race([enough, failed, ended]);
  }
  // Until the next tab writes: what the last ones said may still be on its way.
  ledger.dying = true;
  await browser.kill();
}
