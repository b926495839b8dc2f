// What was acknowledged survives anything but the loss of the disk.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chromium, engines, firefox, skipWithout } from "./lib/engines/index.mjs";
import { closeAll, serveFixture, startFixture } from "./lib/fixture.mjs";
import { killRounds } from "./lib/kill-rounds.mjs";
import { Ledger } from "./lib/ledger.mjs";

/** New on every run, and printed, so that every run looks somewhere else and a failure can be replayed. */
const SEED = Number(process.env.AVATAR_SEED ?? 20261124);

for (const [engine, rounds] of [
  [chromium, 8],
  [firefox, 2],
]) {
  test(`${engine.name}: every acknowledged write is there after SIGKILL at a random moment, ${rounds} times`, { skip: await skipWithout(engine) }, async (t) => {
    t.diagnostic(`seed ${SEED}`);
    const { acknowledged } = await killRounds(engine, { rounds, seed: SEED });
    assert.ok(acknowledged > 0, "the rounds wrote something");
    t.diagnostic(`${acknowledged} acknowledged writes`);
  });
}

for (const engine of engines) {
  test(`${engine.name}: the leading tab is closed in the middle of writes; the other goes on and nothing acknowledged is lost`, { skip: await skipWithout(engine) }, async (t) => {
    t.diagnostic(`seed ${SEED}`);
    const ledger = new Ledger();
    const server = await serveFixture({ posts: { "/acks": ledger.take } });
    const browser = await engine.launch();
    t.after(() => closeAll(() => browser.close(), server.close));

    let leader = await startFixture(browser, server, { name: "take-over" });
    for (let turn = 0; turn < 3; turn++) {
      const follower = await startFixture(browser, server, { name: "take-over" });
      assert.equal(follower.did, leader.did, "both tabs are one node");
      assert.deepEqual(
        [await leader.evaluate(async () => (await avatar.status()).role), await follower.evaluate(async () => (await avatar.status()).role)],
        ["leader", "follower"],
      );
      const documents = ledger.documents.slice(-8);
      for (const [page, tab] of [[leader, "l"], [follower, "f"]]) {
        await page.evaluate((plan) => globalThis.startWriting(plan), { writer: `${turn}${tab}`, seed: SEED + turn, documents });
      }
      await ledger.acknowledged(60);
      await leader.close();
      await ledger.acknowledged(60);
      assert.equal(await follower.evaluate(async () => (await avatar.status()).role), "leader", "the other tab took over");
      leader = follower;
    }
    // The last writer is still at it: look from a page that starts when it is gone.
    await browser.open(server.url).then(() => leader.close());
    const page = await startFixture(browser, server, { name: "take-over" });
    assert.deepEqual(ledger.broken(await page.evaluate(() => globalThis.everything())), []);
    assert.deepEqual(ledger.failures, []);
  });
}
