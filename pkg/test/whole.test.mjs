// The package as an application in Node uses it: facade, host and Meta Unit together, with the WebAssembly that is shipped.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { gunzipSync } from "node:zlib";
import { AvatarError, createAvatar } from "../dist/node.js";

const TRACE = new URL("../../../shared/data/traces/automerge-paper.json.gz", import.meta.url);

async function started(t, options = {}) {
  const avatar = await createAvatar(options);
  t.after(() => avatar.close());
  return avatar;
}

async function folder(t) {
  const directory = await mkdtemp(path.join(tmpdir(), "avatar-whole-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** The next result of a live query for which something holds. */
function until(query, holds) {
  return new Promise((resolve, reject) => {
    const off = query.subscribe((results) => {
      if (!holds(results)) return;
      queueMicrotask(() => off());
      resolve(results);
    }, reject);
  });
}

const everything = () => ({
  title: "Grüße 𝄞",
  empty: "",
  whole: 42,
  negative: -7,
  large: Number.MAX_SAFE_INTEGER,
  half: 0.5,
  yes: true,
  nothing: null,
  when: new Date("2026-11-24T20:45:00.123Z"),
  bytes: new Uint8Array([0, 1, 255]),
  list: [1, "two", [3], { four: 4 }],
  map: { deep: { deeper: { deepest: "x" } } },
});

describe("a document", () => {
  test("holds everything that it promises to hold, also after being closed and opened", async (t) => {
    const avatar = await started(t);
    const doc = await avatar.docs.create("thing", everything());
    assert.deepEqual(doc.value, everything());
    await doc.close();
    const again = await avatar.docs.open(doc.id);
    assert.deepEqual(again.value, everything());
    assert.deepEqual([again.type, again.owner, again.createdAt], ["thing", avatar.did, doc.createdAt]);
  });

  test("shows a change at once, and resolves when it is durable", async (t) => {
    const avatar = await started(t);
    const doc = await avatar.docs.create("note", { title: "a", tags: [] });
    const changed = doc.change((draft) => {
      draft.title = "b";
      draft.tags.push("x");
    });
    assert.deepEqual([doc.value, doc.saved], [{ title: "b", tags: ["x"] }, false]);
    await changed;
    assert.ok(doc.saved);
  });

  test("shows its listeners every change, as patches that lead from one value to the next", async (t) => {
    const avatar = await started(t);
    const doc = await avatar.docs.create("note", { body: "Hello", list: [1] });
    const seen = [];
    let mirror = doc.value.body;
    doc.subscribe(({ source, patches }) => {
      seen.push(source);
      for (const patch of patches) if (patch.op === "splice") mirror = mirror.slice(0, patch.index) + patch.insert + mirror.slice(patch.index + patch.delete);
      assert.equal(mirror, doc.value.body);
    });
    const work = [doc.splice(["body"], 5, 0, ", world"), doc.splice(["body"], 0, 1, "J"), doc.change((draft) => void (draft.body = draft.body.toUpperCase()))];
    assert.deepEqual(seen, ["local", "local", "local"]);
    await Promise.all(work);
    assert.equal(seen.at(-1), "saved");
    await doc.undo();
    assert.equal(seen.filter((source) => source === "remote").length, 1);
    assert.equal(mirror, doc.value.body);
  });

  test("opened twice is one document: both handles see each change, and either can be closed", async (t) => {
    const avatar = await started(t);
    const one = await avatar.docs.create("note", { n: 1 });
    const two = await avatar.docs.open(one.id.toUpperCase());
    const sources = [];
    two.subscribe(({ source }) => sources.push(source));
    await one.change((draft) => void (draft.n = 2));
    assert.deepEqual([two.value, sources], [{ n: 2 }, ["remote", "saved"]]);
    await one.close();
    await assert.rejects(one.change((draft) => void (draft.n = 3)), { code: "CLOSED" });
    await two.change((draft) => void (draft.n = 3));
    assert.deepEqual(two.value, { n: 3 });
  });

  test("takes back and brings back what was done, and remembers what it was", async (t) => {
    const avatar = await started(t);
    const doc = await avatar.docs.create("note", { title: "one" });
    assert.deepEqual([doc.canUndo, await doc.undo()], [false, false]);
    await doc.change((draft) => void (draft.title = "two"), { message: "renamed" });
    assert.equal(await doc.undo(), true);
    assert.deepEqual([doc.value.title, doc.canUndo, doc.canRedo], ["one", false, true]);
    assert.equal(await doc.redo(), true);
    assert.equal(doc.value.title, "two");
    const history = await doc.history();
    const renamed = history.find(({ message }) => message === "renamed");
    assert.ok(renamed);
    assert.deepEqual(await doc.at(renamed.heads), { title: "two" });
    assert.deepEqual(await doc.at(history.at(-1).heads), { title: "one" });
    assert.equal((await doc.history({ limit: 1 })).length, 1);
  });

  test("is as it was before a change that is refused, and goes on with those made meanwhile", async (t) => {
    const avatar = await started(t);
    const doc = await avatar.docs.create("note", { body: "x" });
    const tooLarge = assert.rejects(doc.change((draft) => void (draft.huge = "y".repeat(17 << 20))), { code: "LIMIT" });
    const meanwhile = [doc.splice(["body"], 1, 0, "a"), doc.change((draft) => void (draft.n = 1)), doc.splice(["body"], 2, 0, "b")];
    await tooLarge;
    await Promise.all(meanwhile);
    assert.deepEqual(doc.value, { body: "xab", n: 1 });
    await doc.splice(["body"], 3, 0, "c");
    const { id } = doc;
    await doc.close();
    assert.deepEqual((await avatar.docs.open(id)).value, { body: "xabc", n: 1 });
  });

  test("that is deleted tells its handles, and is not there any more", async (t) => {
    const avatar = await started(t);
    const doc = await avatar.docs.create("note", { title: "x" });
    const told = new Promise((resolve) => doc.subscribe(({ source }) => source === "deleted" && resolve()));
    await avatar.docs.delete(doc.id);
    await told;
    assert.deepEqual([doc.deleted, doc.value], [true, { title: "x" }]);
    await assert.rejects(doc.change((draft) => void (draft.title = "y")), { code: "NOT_FOUND" });
    await assert.rejects(avatar.docs.open(doc.id), { name: "AvatarNotFoundError", code: "NOT_FOUND" });
    await avatar.docs.delete(doc.id);
  });

  test("that is forgotten is closed by the garbage collector", async (t) => {
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc");
    const avatar = await started(t);
    const { id } = await avatar.docs.create("note", { title: "x" });
    // The registry's callback comes some time after a collection: each round gives it a turn.
    for (let round = 0; round < 200 && avatar.docs.openCount > 0; round++) {
      gc();
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(avatar.docs.openCount, 0);
    assert.equal((await avatar.docs.open(id)).value.title, "x");
  });

  test("keeps many changes that nobody awaited, in order, when the Avatar is closed", async (t) => {
    const directory = await folder(t);
    const first = await createAvatar({ folder: directory });
    const doc = await first.docs.create("note", { body: "", n: 0 });
    for (let i = 0; i < 500; i++) {
      void doc.splice(["body"], i, 0, String(i % 10));
      if (i % 50 === 0) void doc.change((draft) => void (draft.n = i));
    }
    await first.close();
    const second = await started(t, { folder: directory });
    const again = await second.docs.open(doc.id);
    assert.deepEqual(again.value, { body: "0123456789".repeat(50), n: 450 });
  });
});

describe("a query", () => {
  test("finds by every kind of condition, in order, with the total", async (t) => {
    const avatar = await started(t);
    await avatar.docs.createMany("note", [
      { title: "Apple", n: 1, tags: ["x"], by: { name: "ann" }, when: new Date(1000) },
      { title: "Banana", n: 2, tags: ["x", "y"], by: { name: "bob" }, when: new Date(2000) },
      { title: "Cherry", n: 3, tags: [], by: { name: "ann" } },
    ]);
    await avatar.docs.create("other", { title: "Apple" });
    const titles = async (spec) => (await avatar.docs.query({ type: "note", orderBy: ["title"], ...spec }).get()).map((row) => row.value.title);
    assert.deepEqual(await titles({}), ["Apple", "Banana", "Cherry"]);
    assert.deepEqual(await titles({ where: { tags: { contains: "y" } } }), ["Banana"]);
    assert.deepEqual(await titles({ where: { n: { gte: 2 } }, orderBy: ["-n"] }), ["Cherry", "Banana"]);
    assert.deepEqual(await titles({ where: { "by.name": "ann", n: { in: [1, 2] } } }), ["Apple"]);
    assert.deepEqual(await titles({ where: { or: [{ title: { prefix: "B" } }, { title: { contains: "err" } }] } }), ["Banana", "Cherry"]);
    assert.deepEqual(await titles({ where: { not: { title: "Apple" } } }), ["Banana", "Cherry"]);
    assert.deepEqual(await titles({ where: { when: { lt: new Date(1500) } } }), ["Apple"]);
    assert.deepEqual(await titles({ where: { when: { exists: false } } }), ["Cherry"]);
    const page = await avatar.docs.query({ type: "note", orderBy: ["title"], limit: 1, offset: 1, select: ["title"] }).get();
    assert.deepEqual([page.map((row) => row.value), page.total], [[{ title: "Banana" }], 3]);
    const none = await avatar.docs.query({ type: "note", limit: 0 }).get();
    assert.deepEqual([none.length, none.total], [0, 3]);
  });

  test("loads no document", async (t) => {
    const avatar = await started(t);
    const before = (await avatar.status()).documents.loads;
    const ids = await avatar.docs.createMany("note", Array.from({ length: 200 }, (_, n) => ({ n, text: "word ".repeat(200) })));
    const rows = await avatar.docs.query({ type: "note", orderBy: ["-n"] }).get();
    assert.deepEqual(rows.map((row) => row.id), ids.toReversed());
    assert.deepEqual([rows[0].cut, (await avatar.status()).documents.loads], [["text"], before]);
  });

  test("that is live shows each change, and the same rows as the same query run once", async (t) => {
    const avatar = await started(t);
    const query = avatar.docs.query({ type: "note", orderBy: ["title"] });
    const results = [];
    const off = query.subscribe((rows) => results.push(rows.map((row) => row.value.title).join("")));
    const b = await avatar.docs.create("note", { title: "b" });
    await until(query, (rows) => rows.length === 1);
    await avatar.docs.create("note", { title: "a" });
    await b.change((draft) => void (draft.title = "c"));
    await avatar.docs.delete(b.id);
    await until(query, (rows) => rows.length === 1 && rows[0].value.title === "a");
    assert.equal(results.at(-1), "a");
    off();
    await avatar.docs.create("note", { title: "z" });
    assert.deepEqual((await query.get()).map((row) => row.value.title), ["a", "z"]);
    assert.equal(results.at(-1), "a", "nothing comes after it is taken off");
  });

  test("can be read by for await, which ends with the Avatar", async (t) => {
    const avatar = await started(t);
    const counts = [];
    const reading = (async () => {
      for await (const rows of avatar.docs.query({ type: "note" })) {
        counts.push(rows.length);
        if (rows.length < 3) await avatar.docs.create("note", {});
        else void avatar.close();
      }
    })();
    await reading;
    assert.deepEqual(counts, [0, 1, 2, 3]);
  });
});

describe("real keystrokes", { skip: existsSync(TRACE) ? false : "../shared/data is not there" }, () => {
  test("end in exactly the text that they made, also from the folder", { timeout: 180_000 }, async (t) => {
    const { txns, endContent } = JSON.parse(gunzipSync(readFileSync(TRACE)).toString());
    const directory = await folder(t);
    const first = await createAvatar({ folder: directory });
    const doc = await first.docs.create("paper", { body: "" });
    const before = performance.now();
    let last;
    for (const { patches } of txns) for (const [index, deleteCount, insert] of patches) last = doc.splice(["body"], index, deleteCount, insert);
    await last;
    t.diagnostic(`${txns.length} transactions durable in ${Math.round(performance.now() - before)} ms`);
    assert.ok(doc.value.body === endContent);
    await first.close();
    const second = await started(t, { folder: directory });
    const opening = performance.now();
    const again = await second.docs.open(doc.id);
    assert.ok(again.value.body === endContent);
    t.diagnostic(`opened in ${Math.round(performance.now() - opening)} ms`);
  });
});

describe("a crash of the Meta Unit", () => {
  test("loses nothing acknowledged, applies nothing twice, and is over within a second", async (t) => {
    const avatar = await started(t, { testRequests: true });
    const doc = await avatar.docs.create("note", { body: "", list: [] });
    const query = avatar.docs.query({ type: "note" });
    const live = [];
    query.subscribe((rows) => live.push(rows.map((row) => row.value.body).join()));
    await doc.splice(["body"], 0, 0, "durable ");
    const unacknowledged = [];
    for (let i = 0; i < 50; i++) {
      unacknowledged.push(doc.splice(["body"], 8 + i, 0, String(i % 10)));
      unacknowledged.push(doc.change((draft) => void draft.list.push(i)));
    }
    const crashed = performance.now();
    await avatar.testTrap();
    const rows = await query.get();
    assert.ok(performance.now() - crashed < 1000, `${performance.now() - crashed} ms`);
    assert.equal(rows.length, 1);
    await Promise.all(unacknowledged);
    const expected = { body: `durable ${"0123456789".repeat(5)}`, list: Array.from({ length: 50 }, (_, i) => i) };
    assert.deepEqual(doc.value, expected);
    await doc.change((draft) => void (draft.body += "!"));
    const id = doc.id;
    await doc.close();
    assert.deepEqual((await avatar.docs.open(id)).value, { ...expected, body: `${expected.body}!` });
    await until(query, ([row]) => row.value.body.endsWith("!"));
    assert.ok(live.at(-1).endsWith("!"), "the live query goes on");
    assert.equal((await avatar.status()).metaUnit.restarts, 1);
  });

  test("in the middle of creations makes each document once", async (t) => {
    const avatar = await started(t, { testRequests: true });
    const creations = Array.from({ length: 40 }, (_, n) => avatar.docs.create("note", { n }));
    await avatar.testTrap();
    const docs = await Promise.all(creations);
    const rows = await avatar.docs.query({ type: "note", orderBy: ["n"] }).get();
    assert.deepEqual(rows.map((row) => [row.id, row.value.n]), docs.map((doc, n) => [doc.id, n]));
    for (const doc of docs) assert.equal(doc.value.n, docs.indexOf(doc));
  });

  test("can only be forced where tests ask for it", async (t) => {
    const avatar = await started(t);
    await assert.rejects(avatar.testTrap(), AvatarError);
    assert.equal((await avatar.status()).metaUnit.restarts, 0);
  });
});

describe("an Avatar", () => {
  test("in a folder is the same one the next time", async (t) => {
    const directory = await folder(t);
    const first = await createAvatar({ folder: directory });
    const { did } = first;
    await assert.rejects(createAvatar({ folder: directory }), { name: "AvatarStorageError", code: "STORAGE_LOCKED" });
    await first.close();
    const second = await started(t, { folder: directory });
    assert.equal(second.did, did);
    const { storage } = await second.status();
    assert.deepEqual([storage.kind, storage.persisted, storage.evictionRisk], ["folder", true, "none"]);
  });

  test("is closed once, tells it, and refuses everything afterwards", async () => {
    const avatar = await createAvatar();
    const doc = await avatar.docs.create("note", { n: 1 });
    let closed = 0;
    avatar.on("closed", () => closed++);
    await Promise.all([avatar.close(), avatar.close()]);
    await avatar[Symbol.asyncDispose]();
    assert.equal(closed, 1);
    for (const work of [() => avatar.docs.create("note", {}), () => avatar.status(), () => avatar.docs.query().get(), () => doc.change((draft) => void (draft.n = 2)), () => doc.splice(["n"], 0, 0, "")]) {
      await assert.rejects(work(), { name: "AvatarClosedError", code: "CLOSED" });
    }
    assert.deepEqual(doc.value, { n: 1 }, "what was read can still be read");
  });

  test("gives up starting when its signal says so, and closes when it says so later", async () => {
    await assert.rejects(createAvatar({ signal: AbortSignal.abort() }), { code: "CANCELLED" });
    const early = new AbortController();
    const starting = createAvatar({ signal: early.signal });
    early.abort();
    await assert.rejects(starting, { code: "CANCELLED" });
    const late = new AbortController();
    const avatar = await createAvatar({ signal: late.signal });
    const closed = new Promise((resolve) => avatar.on("closed", resolve));
    late.abort();
    await closed;
    await assert.rejects(avatar.status(), { code: "CLOSED" });
  });

  test("does not start with WebAssembly that is not ours", async () => {
    const bytes = readFileSync(new URL("../dist/meta_unit.wasm", import.meta.url));
    const other = Buffer.from(bytes);
    other[other.indexOf("avatar:build") + "avatar:build".length] ^= 255;
    for (const [wasm, code] of [[other, "BAD_BUILD"], [new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]), "BAD_BUILD"], [Buffer.from("<!doctype html>"), "BAD_MAGIC"], [bytes.subarray(0, 10_000), "COMPILE_FAILED"]]) {
      await assert.rejects(createAvatar({ wasm }), { name: "AvatarLoadError", code });
    }
    await (await createAvatar({ wasm: bytes })).close();
    await (await createAvatar({ wasm: new WebAssembly.Module(bytes) })).close();
  });

  test("refuses a name that is none", async () => {
    for (const name of ["", "x".repeat(300), 7]) await assert.rejects(createAvatar({ name }), { code: "INVALID_ARGUMENT" });
  });

  test("can be required, too", async (t) => {
    const required = createRequire(import.meta.url)("@dao/avatar");
    const avatar = await required.createAvatar();
    t.after(() => avatar.close());
    const missing = await avatar.docs.open("00000000000000000000000000").catch((error) => error);
    assert.ok(missing instanceof required.AvatarError);
    assert.equal((await avatar.docs.create("note", { title: "x" })).value.title, "x");
  });
});
