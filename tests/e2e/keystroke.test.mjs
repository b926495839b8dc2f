// How soon a keystroke on one device is on another, in real browsers that reach each other directly.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connectionTo, makeNote, serveWithRelay, twoDevices } from "./lib/devices.mjs";
import { chromium, skipWithout } from "./lib/engines/index.mjs";

const skip = await skipWithout(chromium);
const KEYSTROKES = 60;

/** What may pass beside two round trips, in milliseconds. */
const BESIDE_MS = 30;

/** Notes when each length of the note was first seen. */
const watch = (page, id) =>
  page.evaluate(async (id) => {
    const doc = await globalThis.avatarApp.avatar.docs.open(id);
    globalThis.seen = [];
    doc.subscribe(() => globalThis.seen.push([doc.value.body.length, performance.timeOrigin + performance.now()]));
  }, id);

/** Types, as fast as people do; when each length was typed. The last one is waited for on the other device. */
const type = (page, id, keystrokes) =>
  page.evaluate(
    async (id, keystrokes) => {
      const doc = await globalThis.avatarApp.avatar.docs.open(id);
      const typed = [];
      for (let n = 0; n < keystrokes; n++) {
        await new Promise((resolve) => setTimeout(resolve, 120));
        const { length } = doc.value.body;
        typed.push([length + 1, performance.timeOrigin + performance.now()]);
        doc.splice(["body"], length, 0, "x");
      }
      return typed;
    },
    id,
    keystrokes,
  );

test("a keystroke is on the other device within two round trips and 30 ms, mostly", { skip }, async (t) => {
  const { server } = await serveWithRelay(t);
  let id;
  const [one, two] = await twoDevices(t, server, { prepare: async (page) => (id = await makeNote(page, "begun")) });
  for (const page of [one, two]) await connectionTo(page, "({ relayed, transport }) => !relayed && transport === 'webrtc'");
  await watch(two, id);
  const typed = await type(one, id, KEYSTROKES);
  const [last] = typed.at(-1);
  const seen = new Map(await two.waitFor((last) => globalThis.seen.some(([length]) => length === last) && globalThis.seen, [last]));
  const delays = typed.flatMap(([length, at]) => (seen.has(length) ? [seen.get(length) - at] : [])).sort((a, b) => a - b);
  // Several that come together are seen as one.
  assert.ok(delays.length > KEYSTROKES / 2, `${delays.length} of ${KEYSTROKES} were seen by themselves`);
  const { roundTripMs } = await connectionTo(two, "({ relayed, roundTripMs }) => !relayed && roundTripMs !== undefined");
  const median = delays[delays.length >> 1];
  const figures = `median ${median.toFixed(1)} ms, slowest ${delays.at(-1).toFixed(1)} ms, round trip ${roundTripMs.toFixed(1)} ms`;
  t.diagnostic(figures);
  assert.ok(median <= 2 * roundTripMs + BESIDE_MS, figures);
});
