// avatar.identity in Node, with the WebAssembly that is shipped: the lock, the secrets, and what waits for them.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { AvatarLockedError, createAvatar } from "../dist/node.js";

const PASSPHRASE = "a quiet evening by the lake";

async function started(t, options = {}) {
  const avatar = await createAvatar(options);
  t.after(() => avatar.close());
  return avatar;
}

async function folder(t) {
  const directory = await mkdtemp(path.join(tmpdir(), "avatar-identity-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** An Avatar that a passphrase opens. */
async function withPassphrase(t, options, more) {
  const avatar = await started(t, options);
  await avatar.identity.recovery.setPassphrase(PASSPHRASE, more);
  return avatar;
}

describe("the identity", () => {
  test("is told, without a secret in it", async (t) => {
    const avatar = await started(t);
    const state = await avatar.identity.state();
    assert.match(state.did, /^did:key:z6Mk/);
    assert.deepEqual([state.did, avatar.identity.did], [avatar.did, avatar.did]);
    assert.deepEqual([state.locked, state.hasPassphrase, state.wordsConfirmed, state.passkeys, state.lockAfterSeconds], [false, false, false, [], 0]);
    const words = await avatar.identity.recovery.words();
    assert.equal(words.length, 24);
    assert.ok(!words.every((word) => JSON.stringify(state).includes(word)));
  });

  test("shows its words until three of them are confirmed, and never again", async (t) => {
    const avatar = await started(t);
    const { recovery } = avatar.identity;
    const words = await recovery.words();
    const at = (index, word = words[index]) => ({ index, word });
    await assert.rejects(recovery.confirm([at(0), at(5), at(9, words[9] === "zoo" ? "able" : "zoo")]), { code: "WRONG_SECRET" });
    await assert.rejects(recovery.confirm([at(0), at(5)]));
    const state = await recovery.confirm([at(0), at(11), at(23)]);
    assert.ok(state.wordsConfirmed);
    await assert.rejects(recovery.words(), { code: "NOT_FOUND" });
  });

  test("comes back by its words on another device", async (t) => {
    const lost = await started(t);
    const words = await lost.identity.recovery.words();
    const other = await started(t);
    assert.notEqual(other.did, lost.did);
    await assert.rejects(other.identity.recovery.recover(words.toReversed()), { code: "WRONG_SECRET" });
    const state = await other.identity.recovery.recover(words);
    assert.deepEqual([state.did, other.did], [lost.did, lost.did]);
    const busy = await started(t);
    await busy.docs.create("note", {});
    await assert.rejects(busy.identity.recovery.recover(words), { code: "ALREADY_EXISTS" });
  });

  test("changes are told to whoever listens", async (t) => {
    const avatar = await started(t);
    const told = [];
    avatar.on("identity", ({ locked, hasPassphrase, lockAfterSeconds }) => told.push([locked, hasPassphrase, lockAfterSeconds]));
    await avatar.identity.recovery.setPassphrase(PASSPHRASE);
    await avatar.identity.recovery.lockAfter(600);
    await avatar.identity.lock();
    await avatar.identity.unlock({ passphrase: PASSPHRASE });
    assert.deepEqual(told, [[false, true, 0], [false, true, 600], [true, true, 600], [false, true, 600]]);
  });
});

describe("a lock", () => {
  test("needs something of the person's own that opens it", async (t) => {
    const avatar = await started(t);
    await assert.rejects(avatar.identity.lock(), { code: "DENIED" });
    assert.ok(!(await avatar.identity.state()).locked);
  });

  test("answers everything but the identity with LOCKED", async (t) => {
    const avatar = await withPassphrase(t);
    const { id } = await avatar.docs.create("note", { title: "a" });
    await avatar.identity.lock();
    const refused = [
      () => avatar.docs.create("note", {}),
      () => avatar.docs.createMany("note", [{}]),
      () => avatar.docs.delete(id),
      () => avatar.docs.query().get(),
      () => avatar.status(),
      () => avatar.identity.recovery.words(),
      () => avatar.identity.rotate(),
      () => avatar.identity.recovery.backup(),
      () => avatar.identity.recovery.setPassphrase("something else"),
      () => avatar.credentials.list(),
      () => avatar.credentials.issue({ credentialSubject: {} }),
    ];
    for (const ask of refused) {
      await assert.rejects(ask(), (error) => error instanceof AvatarLockedError && error.code === "LOCKED", String(ask));
    }
    const state = await avatar.identity.state();
    assert.ok(state.locked && state.lockedReason !== "" && state.hasPassphrase);
    assert.deepEqual(state.devices, []);
  });

  test("a document that is not open cannot be opened, and one that is stays as it was", async (t) => {
    const avatar = await withPassphrase(t);
    const open = await avatar.docs.create("note", { title: "open" });
    const other = await avatar.docs.create("note", { title: "other" });
    await other.close();
    await avatar.identity.lock();
    await assert.rejects(avatar.docs.open(other.id), { code: "LOCKED" });
    assert.deepEqual(open.value, { title: "open" });
    await avatar.identity.unlock({ passphrase: PASSPHRASE });
    assert.deepEqual((await avatar.docs.open(other.id)).value, { title: "other" });
  });

  test("keeps what was typed before and during it, and sends it after the unlocking, once", async (t) => {
    const avatar = await withPassphrase(t);
    const doc = await avatar.docs.create("note", { body: "" });
    const before = doc.splice(["body"], 0, 0, "before, ");
    const locking = avatar.identity.lock();
    const between = doc.splice(["body"], 8, 0, "between, ");
    await locking;
    const during = doc.change((draft) => void (draft.title = "during"));
    const typed = doc.splice(["body"], 17, 0, "during");
    assert.deepEqual(doc.value, { body: "before, between, during", title: "during" });
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(!doc.saved);
    await avatar.identity.unlock({ passphrase: PASSPHRASE });
    await Promise.all([before, between, during, typed]);
    assert.ok(doc.saved);
    await doc.close();
    assert.deepEqual((await avatar.docs.open(doc.id)).value, { body: "before, between, during", title: "during" });
  });

  test("live queries go on after it by themselves", async (t) => {
    const avatar = await withPassphrase(t);
    const words = await avatar.identity.recovery.words();
    await avatar.docs.create("note", { n: 1 });
    const seen = [];
    const errors = [];
    let wake;
    avatar.docs.query({ type: "note" }).subscribe((rows) => (seen.push(rows.total), wake?.()), (error) => errors.push(error));
    const until = async (total) => {
      while (seen.at(-1) !== total) await new Promise((resolve) => (wake = resolve));
    };
    await until(1);
    await avatar.identity.lock();
    await avatar.identity.unlock({ passphrase: PASSPHRASE });
    await avatar.docs.create("note", { n: 2 });
    await until(2);
    // One that begins while it is locked waits, too.
    await avatar.identity.lock();
    let late;
    avatar.docs.query({ type: "note" }).subscribe((rows) => (late = rows.total, wake?.()));
    await avatar.identity.unlock({ words });
    while (late !== 2) await new Promise((resolve) => (wake = resolve));
    assert.deepEqual(errors, []);
  });

  test("opens for the passphrase and the words, and for nothing else", async (t) => {
    const avatar = await withPassphrase(t);
    const words = await avatar.identity.recovery.words();
    await avatar.identity.lock();
    for (const wrong of [{ passphrase: `${PASSPHRASE} ` }, { passphrase: "x" }, { words: words.toReversed() }, { words: "abandon ".repeat(23) + "art" }]) {
      await assert.rejects(avatar.identity.unlock(wrong), { code: "WRONG_SECRET" }, JSON.stringify(wrong));
    }
    for (const nothing of [undefined, {}, { passphrase: "" }, { passkey: true }]) await assert.rejects(avatar.identity.unlock(nothing), { code: /^(INVALID_ARGUMENT|UNSUPPORTED)$/ });
    assert.ok((await avatar.identity.state()).locked);
    assert.ok(!(await avatar.identity.unlock({ words: words.join("  ").toUpperCase() })).locked);
  });

  test("a node that is asked for at the start starts locked, and closes although something waits", async (t) => {
    const directory = await folder(t);
    const first = await withPassphrase(t, { folder: directory }, { askAtStart: true });
    const { id } = await first.docs.create("note", { title: "a" });
    const { did } = first;
    await first.close();
    const second = await createAvatar({ folder: directory });
    assert.ok((await second.identity.state()).locked);
    await second.identity.unlock({ passphrase: PASSPHRASE });
    assert.equal(second.did, did);
    const doc = await second.docs.open(id);
    await second.identity.lock();
    const lost = assert.rejects(doc.change((draft) => void (draft.title = "never")), { code: "CLOSED" });
    await second.close();
    await lost;
    const third = await started(t, { folder: directory });
    await third.identity.unlock({ passphrase: PASSPHRASE });
    assert.deepEqual((await third.docs.open(id)).value, { title: "a" });
  });

  test("a passphrase that was replaced opens nothing, and one that was removed is not asked for", async (t) => {
    const directory = await folder(t);
    const avatar = await withPassphrase(t, { folder: directory }, { askAtStart: true });
    await avatar.identity.recovery.setPassphrase("another evening altogether", { askAtStart: true });
    await avatar.identity.lock();
    await assert.rejects(avatar.identity.unlock({ passphrase: PASSPHRASE }), { code: "WRONG_SECRET" });
    await avatar.identity.unlock({ passphrase: "another evening altogether" });
    await avatar.identity.recovery.removePassphrase();
    await avatar.close();
    const again = await started(t, { folder: directory });
    assert.ok(!(await again.identity.state()).locked);
  });

  test("comes by itself when nobody has asked anything for long enough", async (t) => {
    const avatar = await withPassphrase(t);
    const locked = new Promise((resolve) => avatar.on("identity", (state) => state.locked && resolve()));
    await avatar.identity.recovery.lockAfter(1);
    // The node's own timers keep no process alive.
    const alive = setInterval(() => undefined, 1_000);
    await locked;
    clearInterval(alive);
    await assert.rejects(avatar.docs.query().get(), { code: "LOCKED" });
  });

  test("survives a crash: the node comes back, and what waited is stored once it is open", async (t) => {
    const avatar = await withPassphrase(t, { testRequests: true });
    const doc = await avatar.docs.create("note", { body: "" });
    await avatar.identity.lock();
    const typed = doc.splice(["body"], 0, 0, "typed");
    await avatar.testTrap();
    const { locked } = await avatar.identity.state();
    if (locked) await avatar.identity.unlock({ passphrase: PASSPHRASE });
    await typed;
    assert.deepEqual(doc.value, { body: "typed" });
  });
});

describe("arguments", () => {
  test("that are none are refused before anything is asked", async (t) => {
    const avatar = await started(t);
    const { identity, credentials } = avatar;
    const refused = [
      () => identity.recovery.setPassphrase(""),
      () => identity.recovery.setPassphrase(5),
      () => identity.recovery.lockAfter(-1),
      () => identity.recovery.lockAfter(1.5),
      () => identity.recovery.recover(""),
      () => identity.recovery.removePasskey("not base64url!"),
      () => identity.renameDevice("!", "x"),
      () => credentials.issue("x".repeat(3), { securing: "rot13" }),
      () => credentials.verify(5),
      () => credentials.forget("nonsense"),
    ];
    for (const ask of refused) await assert.rejects(ask(), { code: "INVALID_ARGUMENT" }, String(ask));
  });

  test("passkeys need a window", async (t) => {
    const avatar = await started(t);
    await assert.rejects(avatar.identity.recovery.addPasskey(), { code: "UNSUPPORTED" });
  });
});
