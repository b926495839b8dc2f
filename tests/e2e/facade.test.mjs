// The facade with its worker and IndexedDB, without the app around it.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { chromium, engines, skipWithout } from "./lib/engines/index.mjs";
import { closeAll, openFixture, serveFixture, startFixture } from "./lib/fixture.mjs";
import { SHARED_DATA, missingData } from "./lib/paths.mjs";

const TRACE = "traces/automerge-paper.json.gz";

for (const engine of engines) {
  test(`${engine.name}: a host starts only when no other one works on its database`, { skip: await skipWithout(engine) }, async (t) => {
    const server = await serveFixture();
    const browser = await engine.launch();
    t.after(() => closeAll(() => browser.close(), server.close));
    const [holder, page] = [await openFixture(browser, server), await openFixture(browser, server)];
    // What a worker that outlives its tab holds (pkg/src/leader/names.ts).
    const FENCE = "avatar:fenced:host";
    await holder.evaluate((fence) => new Promise((held) => void navigator.locks.request(fence, () => new Promise((release) => ((globalThis.release = release), held())))), FENCE);
    await page.evaluate((options) => void (globalThis.starting = globalThis.start(options).then(() => (globalThis.started = true))), { name: "fenced" });
    // The host stands in the queue for the fence: so it has come as far as it may.
    await page.waitFor(async (fence) => (await navigator.locks.query()).pending.some(({ name }) => name === fence), [FENCE]);
    assert.equal(await page.evaluate(() => globalThis.started === true), false);
    await holder.evaluate(() => globalThis.release());
    await page.waitFor(() => globalThis.started === true);
  });

  test(`${engine.name}: two tabs edit the same document at once, and both see both edits`, { skip: await skipWithout(engine) }, async (t) => {
    const server = await serveFixture();
    const browser = await engine.launch();
    t.after(() => closeAll(() => browser.close(), server.close));
    const one = await startFixture(browser, server, { name: "two-tabs" });
    const two = await startFixture(browser, server, { name: "two-tabs" });
    const id = await one.evaluate(async () => {
      globalThis.doc = await avatar.docs.create("note", { title: "shared", body: "middle", tags: [] });
      return doc.id;
    });
    await two.evaluate(async (id) => void (globalThis.doc = await avatar.docs.open(id)), id);

    // Neither waits for the other: both edits are under way at the same time.
    const edit = async (page, at, text) =>
      page.evaluate(
        async (at, text, tag) => {
          const writes = [...text].map((letter, n) => doc.splice(["body"], at === "front" ? n : doc.value.body.length, 0, letter));
          writes.push(doc.change((draft) => void draft.tags.push(tag)));
          await Promise.all(writes);
        },
        at,
        text,
        at,
      );
    await Promise.all([edit(one, "front", "one "), edit(two, "back", " two")]);
    const both = (body) => doc.saved && doc.value.body === body && doc.value.tags.length === 2;
    await one.waitFor(both, ["one middle two"]);
    await two.waitFor(both, ["one middle two"]);
    const [first, second] = await Promise.all([one, two].map((page) => page.evaluate(() => doc.value)));
    assert.deepEqual(first, second, "both tabs hold the same");
    assert.deepEqual([...first.tags].sort(), ["back", "front"]);
  });

  test(`${engine.name}: the identity and the documents are there again after a reload`, { skip: await skipWithout(engine) }, async (t) => {
    const server = await serveFixture();
    const browser = await engine.launch();
    t.after(() => closeAll(() => browser.close(), server.close));
    const page = await startFixture(browser, server, { name: "reload" });
    const id = await page.evaluate(async () => {
      const doc = await avatar.docs.create("note", { title: "kept", when: new Date(86_400_000), bytes: new Uint8Array([1, 2, 3]), nested: { list: [1, 2.5, null, true, "ü𝄞"] } });
      await doc.change((draft) => void (draft.nested.list[0] = 7));
      return doc.id;
    });
    await page.reload();
    await page.waitFor(() => globalThis.ready === true);
    assert.equal(await page.evaluate((options) => globalThis.start(options), { name: "reload" }), page.did);
    const kept = await page.evaluate(async (id) => {
      const { value } = await avatar.docs.open(id);
      return { ...value, when: value.when.getTime(), bytes: [...value.bytes], kinds: [value.when instanceof Date, value.bytes instanceof Uint8Array] };
    }, id);
    assert.deepEqual(kept, { title: "kept", when: 86_400_000, bytes: [1, 2, 3], nested: { list: [7, 2.5, null, true, "ü𝄞"] }, kinds: [true, true] });
  });

  test(`${engine.name}: a trap in the Meta Unit loses nothing acknowledged, and the next request is answered within a second`, { skip: await skipWithout(engine) }, async (t) => {
    const server = await serveFixture();
    const browser = await engine.launch();
    t.after(() => closeAll(() => browser.close(), server.close));
    const page = await startFixture(browser, server, { name: "trap", testRequests: true });
    const result = await page.evaluate(async () => {
      const restarts = [];
      avatar.on("restarted", (detail) => restarts.push(detail));
      const doc = await avatar.docs.create("note", { title: "before", body: "" });
      const live = [];
      avatar.docs.query({ type: "note", orderBy: ["title"] }).subscribe((rows) => live.push(rows.map((row) => row.value.title)));
      for (let n = 0; n < 50; n++) await doc.splice(["body"], n, 0, "x");

      // Unanswered when the instance dies: they must be there too, once.
      const unanswered = Array.from({ length: 20 }, () => doc.splice(["body"], 0, 0, "y"));
      const trapped = avatar.testTrap();
      const start = performance.now();
      const { total } = await avatar.docs.query({ type: "note" }).get();
      const answeredMs = performance.now() - start;
      await Promise.all([trapped, ...unanswered]);
      await doc.change((draft) => void (draft.title = "after"));
      await avatar.docs.create("note", { title: "created after", body: "" });
      const status = await avatar.status();
      return { total, answeredMs, body: doc.value.body, title: doc.value.title, restarts: status.metaUnit.restarts, told: restarts.length, live };
    });
    assert.ok(result.answeredMs < 1_000, `answered after ${result.answeredMs.toFixed(0)} ms`);
    assert.deepEqual([result.total, result.restarts, result.told], [1, 1, 1]);
    assert.deepEqual([result.body, result.title], ["y".repeat(20) + "x".repeat(50), "after"]);
    await page.waitFor(async () => (await avatar.docs.query({ type: "note" }).get()).total === 2);

    await page.reload();
    await page.waitFor(() => globalThis.ready === true);
    await page.evaluate((options) => globalThis.start(options), { name: "trap" });
    const { documents } = await page.evaluate(() => globalThis.everything());
    assert.deepEqual(
      documents.map(({ value }) => [value.title, value.body]).sort(),
      [
        ["after", "y".repeat(20) + "x".repeat(50)],
        ["created after", ""],
      ],
    );
  });
}

test("test-only requests are refused where they were not allowed", { skip: await skipWithout(chromium) }, async (t) => {
  const server = await serveFixture();
  const browser = await chromium.launch();
  t.after(() => closeAll(() => browser.close(), server.close));
  const page = await startFixture(browser, server, { name: "no-trap" });
  const refused = await page.evaluate(() => outcome(() => avatar.testTrap()));
  assert.ok(["DENIED", "UNSUPPORTED", "UNKNOWN_REQUEST"].includes(refused.code), `${refused.code} ${refused.message}`);
  assert.equal(await page.evaluate(async () => (await avatar.status()).metaUnit.restarts), 0);
});

test("a real editing trace, one change a keystroke, ends in exactly its text, also after a reload", { skip: (await skipWithout(chromium)) || missingData(TRACE) }, async (t) => {
  const trace = gunzipSync(await readFile(join(SHARED_DATA, TRACE)));
  const { endContent } = JSON.parse(trace);
  const server = await serveFixture({ replace: { "/trace.json": trace } });
  const browser = await chromium.launch();
  t.after(() => closeAll(() => browser.close(), server.close));
  const page = await startFixture(browser, server, { name: "trace" });
  const id = await page.evaluate(async () => {
    const { startContent, txns } = await (await fetch("/trace.json")).json();
    const doc = await avatar.docs.create("paper", { body: startContent });
    const written = [];
    for (const [n, { patches }] of txns.entries()) {
      for (const [position, deleted, inserted] of patches) written.push(doc.splice(["body"], position, deleted, inserted));
      // Let the worker's answers in, as typing does.
      if (n % 1_000 === 999) await new Promise((resolve) => setTimeout(resolve));
    }
    await Promise.all(written);
    return doc.id;
  });
  const body = (id) => page.evaluate(async (id) => (await avatar.docs.open(id)).value.body, id);
  assert.ok((await body(id)) === endContent, "the text is the trace's");
  await page.reload();
  await page.waitFor(() => globalThis.ready === true);
  await page.evaluate((options) => globalThis.start(options), { name: "trace" });
  assert.ok((await body(id)) === endContent, "the text is the trace's after a reload");
});

test("a list of 10,000 documents loads none of them and stays under 64 MB", { skip: await skipWithout(chromium) }, async (t) => {
  const server = await serveFixture();
  const browser = await chromium.launch();
  t.after(() => closeAll(() => browser.close(), server.close));
  const page = await startFixture(browser, server, { name: "many" });
  await page.evaluate(async () => {
    await avatar.docs.createMany(
      "note",
      Array.from({ length: 10_000 }, (_, n) => ({ title: `Note ${n}`, body: "word ".repeat(60), tags: [`t${n % 10}`] })),
    );
    await avatar.close();
  });
  await page.reload();
  await page.waitFor(() => globalThis.ready === true);
  const { titles, matching, status } = await page.evaluate(async () => {
    await start({ name: "many" });
    const all = await avatar.docs.query({ type: "note", orderBy: ["title"], select: ["title"] }).get();
    const matching = await avatar.docs.query({ type: "note", where: { tags: { contains: "t3" } }, orderBy: ["-updatedAt"], limit: 50 }).get();
    return { titles: new Set(all.map((row) => row.value.title)).size, matching: [matching.length, matching.total], status: await avatar.status() };
  });
  assert.equal(titles, 10_000);
  assert.deepEqual(matching, [50, 1_000]);
  assert.equal(status.documents.loads, 0, "documents loaded for the lists");
  assert.ok(status.metaUnit.memoryBytes < 64 * 2 ** 20, `${(status.metaUnit.memoryBytes / 2 ** 20).toFixed(1)} MB of wasm memory`);
});

test("no task of the main thread is longer than 50 ms while a 4 MB document opens", { skip: await skipWithout(chromium) }, async (t) => {
  const server = await serveFixture();
  const browser = await chromium.launch();
  t.after(() => closeAll(() => browser.close(), server.close));
  const page = await startFixture(browser, server, { name: "big" });
  const id = await page.evaluate(async () => {
    const words = Array.from({ length: 4 * 2 ** 20 / 8 }, (_, n) => String(n % 9_999_991).padStart(7, "0")).join(" ");
    const doc = await avatar.docs.create("note", { title: "big", body: words });
    await avatar.close();
    return doc.id;
  });
  await page.reload();
  await page.waitFor(() => globalThis.ready === true);
  const { length, longest, measured } = await page.evaluate(async (id) => {
    await start({ name: "big" });
    const tasks = [];
    const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration)));
    observer.observe({ type: "longtask" });
    const nextTask = () => new Promise((resolve) => setTimeout(resolve));
    // A long task on purpose first: without it, silence would prove nothing.
    const until = performance.now() + 80;
    while (performance.now() < until);
    while (tasks.length === 0) await nextTask();
    const measured = tasks.splice(0).length;

    const doc = await avatar.docs.open(id);
    const { length } = doc.value.body;
    await nextTask();
    tasks.push(...observer.takeRecords().map((entry) => entry.duration));
    return { length, longest: Math.max(0, ...tasks), measured };
  }, id);
  assert.equal(measured, 1, "long tasks are measured here");
  assert.equal(length, 4 * 2 ** 20 - 1);
  assert.ok(longest <= 50, `the longest task took ${longest} ms`);
});

test("two Avatars of different names share nothing", { skip: await skipWithout(chromium) }, async (t) => {
  const server = await serveFixture();
  const browser = await chromium.launch();
  t.after(() => closeAll(() => browser.close(), server.close));
  const page = await openFixture(browser, server);
  const [left, right] = await page.evaluate(async () => {
    const one = await facade.createAvatar({ name: "left" });
    const two = await facade.createAvatar({ name: "right" });
    await one.docs.create("note", { title: "left only" });
    return Promise.all([one, two].map(async (each) => ({ did: each.did, total: (await each.docs.query().get()).total })));
  });
  assert.notEqual(left.did, right.did);
  assert.deepEqual([left.total, right.total], [1, 0]);
});
