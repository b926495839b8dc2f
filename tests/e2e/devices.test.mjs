// Several devices of one person, in real browsers, with a real relay: a new one is linked, both are written on, and whatever goes away, they end with the same.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { atEnd } from "../interop/lib/ending.mjs";
import { allNotes, dataOf, goHash, offlineReady, openApp, reloadApp, tid, typeIntoNote } from "./lib/app.mjs";
import { seriousViolations } from "./lib/axe.mjs";
import { connectionTo, device, invite, linked, makeNote, networkOf, sameText, serveWithRelay, twoDevices, useCode } from "./lib/devices.mjs";
import { chromium, firefox, skipWithout, webkit } from "./lib/engines/index.mjs";
import { cameraShowing, filmOf } from "./lib/film.mjs";
import { identityOf } from "./lib/identity.mjs";
import { missingData } from "./lib/paths.mjs";
import { temporaryFolder } from "./lib/temp.mjs";
import { readTwoAuthors, TWO_AUTHORS, typeAuthor } from "./lib/two-authors.mjs";

const skip = await skipWithout(chromium);
const NOTES = 40;
const WITHOUT_WEBRTC = { init: "delete globalThis.RTCPeerConnection" };

/** Writes at the end of a note, without the editor; resolves when that is durable. */
const write = (page, id, text) =>
  page.evaluate(
    async (id, text) => {
      const doc = await globalThis.avatarApp.avatar.docs.open(id);
      await doc.splice(["body"], doc.value.body.length, 0, text);
      await doc.close();
    },
    id,
    text,
  );

/** All changes that a note is made of, by their hashes: two notes with the same have the same heads. */
const changesOf = (page, id) =>
  page.evaluate(async (id) => {
    const doc = await globalThis.avatarApp.avatar.docs.open(id);
    const hashes = [];
    for (let page; page?.length !== 0; hashes.push(...page.map(({ hash }) => hash))) page = await doc.history({ limit: 1_000, offset: hashes.length });
    await doc.close();
    return hashes.sort();
  }, id);

/** Two linked devices with a note on both. */
async function withNote(t, options = {}) {
  const { relay, server } = await serveWithRelay(t, options);
  let id;
  const [one, two] = await twoDevices(t, server, { ...options, prepare: async (page) => (id = await makeNote(page, "begun\n")) });
  await sameText([one, two], id, ["begun"]);
  return { relay, server, one, two, id };
}

test("a new device is linked by a code, and everything of the first is on it", { skip }, async (t) => {
  const { server } = await serveWithRelay(t);
  const [one, two] = await Promise.all([device(t, server), device(t, server)]);
  await one.evaluate(async (count) => {
    const note = (n) => ({ title: `Note ${n}`, body: `# Note ${n}\n\nGrüße, ${n} 👋`, path: `n/${n}.md`, tags: ["many"], links: [], names: [], excerpt: "", find: `note ${n}` });
    await globalThis.avatarApp.avatar.docs.createMany("note", Array.from({ length: count }, (_, n) => note(n)));
  }, NOTES);
  assert.notEqual((await identityOf(one)).did, (await identityOf(two)).did);
  const code = await invite(one);
  await dataOf(two, "welcome");
  await two.click(tid("welcome-link"));
  await useCode(two, code, "Phone");
  const [ours, theirs] = await Promise.all([allNotes(one), allNotes(two)]);
  assert.equal(theirs.length, NOTES);
  assert.deepEqual(theirs, ours);
  assert.equal((await identityOf(two)).did, (await identityOf(one)).did);

  // Each shows both, connected and in step; and the invitation is gone.
  for (const page of [one, two]) {
    await goHash(page, "#/devices");
    await dataOf(page, "devices", '[data-count="2"]');
    const other = await dataOf(page, "device", '[data-this="false"][data-connected="true"][data-synced="true"]', 60_000);
    assert.match(other.text, /Connected (directly|by way of a relay).*in step/);
  }
  assert.match((await dataOf(one, "device", '[data-this="false"]')).text, /Phone/);
  assert.equal(await one.evaluate(() => document.querySelector('[data-testid="invitation"]')), null);

  // A code counts once.
  const third = await device(t, server, { where: `#/link/${encodeURIComponent(code)}` });
  await dataOf(third, "link-start");
  assert.equal(await third.evaluate(() => location.hash), "#/link", "the secret is not left in the address");
  await third.click(tid("link-start"));
  await dataOf(third, "link-progress", '[data-stage="finding"]', 60_000);
  await third.click(tid("link-cancel"));
  await dataOf(third, "link-start");
  assert.notEqual((await identityOf(third)).did, (await identityOf(one)).did);
  assert.deepEqual([...one.complaints, ...two.complaints], []);
});

test("an invitation is scanned with the camera", { skip }, async (t) => {
  const { server } = await serveWithRelay(t);
  const folder = await temporaryFolder();
  atEnd(t, folder.remove);
  const one = await device(t, server);
  await makeNote(one, "begun");
  await invite(one);
  // The code that is shown, as text: what a camera reads of it is the same.
  await one.evaluate(() => (navigator.clipboard.writeText = async (text) => void (globalThis.copied = text)));
  await one.click(tid("invitation-copy-link"));
  const link = await one.waitFor(() => globalThis.copied);
  assert.ok(link.startsWith(`${server.url}#/link/`));
  const film = join(folder.path, "camera.y4m");
  await writeFile(film, filmOf(link));
  const two = await device(t, server, { args: cameraShowing(film), where: "#/link" });
  await dataOf(two, "link-scan");
  await two.front();
  await two.click(tid("link-scan"));
  await two.waitFor(() => document.querySelector('[data-testid="link-code"]')?.value.length > 0);
  await two.click(tid("link-start"));
  await linked(two);
  assert.deepEqual((await allNotes(two)).map(({ body }) => body), ["begun"]);
});

test("what is typed on both at once is on both, each sees the other's cursor, and it is gone with the device", { skip }, async (t) => {
  const { one, two, id } = await withNote(t);
  for (const page of [one, two]) {
    await goHash(page, `#/note/${id}`);
    await dataOf(page, "note-view", '[data-ready="true"]');
  }
  await Promise.all([typeIntoNote(one, "from the first "), typeIntoNote(two, "from the second ")]);
  const letters = (text) => [...text].sort().join("");
  const wanted = letters("begun\nfrom the first from the second ");
  const bodies = await Promise.all(
    [one, two].map((page) =>
      page.waitFor(
        async (id, wanted) => {
          const doc = await globalThis.avatarApp.avatar.docs.open(id);
          const { body } = doc.value;
          await doc.close();
          const shown = document.querySelector(".cm-content").innerText;
          return [...body].sort().join("") === wanted && shown.includes(body.trim().split("\n").at(-1)) ? body : null;
        },
        [id, wanted],
        60_000,
      ),
    ),
  );
  assert.equal(bodies[0], bodies[1]);
  const seenByOne = await dataOf(one, "other-caret");
  assert.equal(seenByOne.name, "Second");
  assert.equal((await dataOf(one, "other")).device, seenByOne.device);
  await dataOf(two, "other-caret");
  // The cursor stands where the other's stands.
  await two.front();
  await two.click(`${tid("editor")} .cm-content`);
  await two.press("Control+Home");
  await one.waitFor(() => {
    const caret = document.querySelector('[data-testid="other-caret"]');
    if (caret === null) return false;
    const before = document.createRange();
    before.setStart(document.querySelector(".cm-content"), 0);
    before.setEndBefore(caret);
    return before.toString() === "";
  });
  await two.browser.kill();
  await one.waitFor(() => document.querySelector('[data-testid="other-caret"]') === null && document.querySelector('[data-testid="other"]') === null, [], 60_000);
});

test("when the relay is killed, the devices go on over WebRTC", { skip }, async (t) => {
  const { relay, one, two, id } = await withNote(t);
  for (const page of [one, two]) await connectionTo(page, "({ relayed, transport }) => !relayed && transport === 'webrtc'");
  process.kill(relay.pid, "SIGKILL");
  for (const page of [one, two]) await page.waitFor(async () => (await globalThis.avatarApp.avatar.peers.state()).relays.every(({ connected }) => !connected), [], 60_000);
  await write(one, id, "first without a relay\n");
  await sameText([one, two], id, ["first without a relay"]);
  await write(two, id, "second without a relay\n");
  const [a, b] = await sameText([one, two], id, ["first without a relay", "second without a relay"]);
  assert.equal(a, b);
  assert.deepEqual(await changesOf(one, id), await changesOf(two, id));
  // A person who looks is told.
  await goHash(one, "#/network");
  await dataOf(one, "relay", '[data-connected="false"]');
  await dataOf(one, "connection", '[data-relayed="false"][data-transport="webrtc"]');
  await dataOf(one, "finding", '[data-verdict="bad"], [data-testid="finding"][data-verdict="fair"]');
});

test("a browser that was killed has what the other wrote meanwhile, once it is back", { skip }, async (t) => {
  const profile = await temporaryFolder();
  atEnd(t, profile.remove);
  const { server, one, two, id } = await withNote(t, { second: { profile: profile.path } });
  await write(two, id, "before the end\n");
  await sameText([one, two], id, ["before the end"]);
  await two.browser.kill();
  await write(one, id, "while it was away\n");
  const made = await makeNote(one, "new");
  const back = await device(t, server, { profile: profile.path });
  const [a, b] = await sameText([one, back], id, ["before the end", "while it was away"]);
  assert.equal(a, b);
  await sameText([one, back], made, ["new"]);
  await write(back, id, "and back\n");
  await sameText([one, back], id, ["and back"]);
  assert.deepEqual(await changesOf(one, id), await changesOf(back, id));
});

test("the devices meet, too, when the app's own server is gone", { skip }, async (t) => {
  const { server, one, two, id } = await withNote(t);
  for (const page of [one, two]) {
    await offlineReady(page);
    await reloadApp(page);
    // It was asked by way of the service worker, which from now on knows where the relay is.
    await page.waitFor(async () => (await (await caches.open("relays")).keys()).length === 1);
  }
  await server.goOffline();
  for (const page of [one, two]) await reloadApp(page);
  await Promise.all([write(one, id, "one is back\n"), write(two, id, "two is back\n")]);
  const [a, b] = await sameText([one, two], id, ["one is back", "two is back"]);
  assert.equal(a, b);
});

test("without WebRTC the devices meet by way of the relay", { skip }, async (t) => {
  const { one, two, id } = await withNote(t, { second: WITHOUT_WEBRTC });
  const { relayed } = await connectionTo(two);
  assert.ok(relayed);
  await write(two, id, "over the relay\n");
  await write(one, id, "and back\n");
  const [a, b] = await sameText([one, two], id, ["over the relay", "and back"]);
  assert.equal(a, b);
});

test("where WebTransport is blocked, the relay is reached over WebSocket", { skip }, async (t) => {
  // The policy of the page knows of no other address.
  const { relay, one, two, id } = await withNote(t, { allowed: (address) => address.includes("/ws/"), first: WITHOUT_WEBRTC, second: WITHOUT_WEBRTC });
  for (const page of [one, two]) {
    const toRelay = (await networkOf(page)).connections.filter(({ peerId, relayed }) => peerId === relay.peerId && !relayed);
    assert.deepEqual([...new Set(toRelay.map(({ transport }) => transport))], ["websocket"]);
  }
  await write(one, id, "over WebSocket\n");
  const [a, b] = await sameText([one, two], id, ["over WebSocket"]);
  assert.equal(a, b);
});

test("two devices that kept to themselves for a thousand edits each end with the same", { skip }, async (t) => {
  const { one, two, id } = await withNote(t);
  const keepToItself = async (page) => {
    await goHash(page, "#/devices");
    await dataOf(page, "meet", '[data-on="true"]');
    await page.click(tid("meet-toggle"));
    await dataOf(page, "meet", '[data-on="false"]');
    await page.waitFor(async () => (await globalThis.avatarApp.avatar.peers.state()).connections.length === 0);
  };
  await Promise.all([one, two].map(keepToItself));
  const edit = (page, letter) =>
    page.evaluate(
      async (id, letter) => {
        const doc = await globalThis.avatarApp.avatar.docs.open(id);
        // Here and there, some back and forth: a step of 7919 visits every place. Each is a change of its own.
        for (let n = 0; n < 1_000; n++) {
          const { length } = doc.value.body;
          const at = (n * 7919) % (length + 1);
          await (n % 5 === 4 && at < length ? doc.splice(["body"], at, 1) : doc.splice(["body"], at, 0, letter));
        }
        await doc.close();
      },
      id,
      letter,
    );
  await Promise.all([edit(one, "1"), edit(two, "2")]);
  const apart = await Promise.all([one, two].map((page) => changesOf(page, id)));
  const all = [...new Set(apart.flat())].sort();
  assert.equal(all.length, apart[0].length + 1_000);
  await Promise.all([one, two].map((page) => page.click(tid("meet-toggle"))));
  for (const page of [one, two]) {
    await page.waitFor(
      async (id, others) => {
        const doc = await globalThis.avatarApp.avatar.docs.open(id);
        const { length } = await doc.history({ limit: 1, offset: others });
        await doc.close();
        return length === 1;
      },
      [id, all.length - 1],
      60_000,
    );
    assert.deepEqual(await changesOf(page, id), all);
  }
  const [ours, theirs] = await Promise.all([allNotes(one), allNotes(two)]);
  assert.deepEqual(ours, theirs);
});

for (const [colorScheme, size] of [
  ["light", [1280, 800]],
  ["dark", [390, 844]],
]) {
  test(`axe finds no serious violation while devices are linked and together (${colorScheme})`, { skip }, async (t) => {
    const { server } = await serveWithRelay(t);
    const [one, two] = await Promise.all([device(t, server), device(t, server)]);
    for (const page of [one, two]) {
      await page.viewport(...size);
      await page.raw.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    }
    const serious = [];
    const look = async (page, what) => serious.push(...(await seriousViolations(page, what)));
    const id = await makeNote(one, "begun\n");
    const code = await invite(one);
    await look(one, "the invitation");
    await useCode(two, code, "Phone");
    await look(two, "linked");
    for (const [address, hook] of [["#/devices", "device-standing"], ["#/network", "connection"], [`#/note/${id}`, "other-caret"]]) {
      for (const page of [two, one]) await goHash(page, address);
      await dataOf(one, hook, "", 60_000);
      await look(one, address);
    }
    assert.deepEqual(serious, []);
  });
}

for (const [engine, transport] of [
  [firefox, "webrtc"],
  [webkit, undefined],
]) {
  test(`${engine.name} is linked to Chromium${transport ? " and talks to it directly" : ""}`, { skip: skip || (await skipWithout(engine)) }, async (t) => {
    const { one, two, id } = await withNote(t, { second: { engine } });
    if (transport) for (const page of [one, two]) await connectionTo(page, `({ relayed, transport }) => !relayed && transport === "${transport}"`);
    await write(two, id, "from the one\n");
    await write(one, id, "and from the other\n");
    const [a, b] = await sameText([one, two], id, ["from the one", "and from the other"]);
    assert.equal(a, b);
    assert.deepEqual(await changesOf(one, id), await changesOf(two, id));
  });
}

test("two people who typed into one text at once, each in a browser of their own: both end with what they ended with", { skip: skip || missingData(TWO_AUTHORS) }, async (t) => {
  const trace = await readTwoAuthors();
  const { server } = await serveWithRelay(t, { replace: { "/trace.json": Buffer.from(JSON.stringify(trace)) } });
  let id;
  const authors = await twoDevices(t, server, { prepare: async (page) => (id = await page.evaluate(async () => (await globalThis.avatarApp.avatar.docs.createMany("text", [{ body: "" }]))[0])) });
  await Promise.all(authors.map((page, author) => page.evaluate(typeAuthor, id, author, "trace.json")));
  const [a, b] = await sameText(authors, id, []);
  assert.equal(a, trace.endContent);
  assert.equal(b, trace.endContent);
  const [ours, theirs] = await Promise.all(authors.map((page) => changesOf(page, id)));
  assert.deepEqual(ours, theirs);
});

test("a device that is alone asks nobody: no relay is looked for, and libp2p is not loaded", { skip }, async (t) => {
  const { server } = await serveWithRelay(t);
  const browser = await chromium.launch();
  atEnd(t, () => browser.close());
  // Without a service worker, which keeps all parts of the app for offline use.
  await browser.context.addInitScript("delete Navigator.prototype.serviceWorker");
  const page = await openApp(browser, server);
  await goHash(page, "#/devices");
  await dataOf(page, "devices", '[data-count="1"]');
  await goHash(page, "#/network");
  await dataOf(page, "finding");
  assert.deepEqual(server.requests.filter((path) => /relay\.json|avatar_p2p/.test(path)), []);
});
