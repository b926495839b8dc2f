import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { KeyProtection, KeysCommandSchema, KeysResultSchema } from "../dist/gen/dao/avatar/v1/keys_pb.js";
import { openFolder } from "../dist/node/folder.js";

const bytes = (text) => new TextEncoder().encode(text);

/** A device's folder; `restart` is the next process on it. */
async function device(t) {
  const directory = await mkdtemp(path.join(tmpdir(), "avatar-keys-"));
  let store = await openFolder(directory);
  t.after(async () => {
    await store.close();
    await rm(directory, { recursive: true, force: true });
  });
  const run = async (name, which, value = {}) => {
    const command = toBinary(KeysCommandSchema, create(KeysCommandSchema, { name, command: { case: which, value } }));
    return fromBinary(KeysResultSchema, await store.keys.run(command));
  };
  return {
    file: path.join(directory, "keys"),
    run,
    async restart() {
      await store.close();
      await assert.rejects(run("device", "open"), { code: "STORAGE_LOST" });
      store = await openFolder(directory);
    },
  };
}

async function verifies(publicKey, message, signature) {
  const key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", key, signature, message);
}

describe("the key sets of a folder", () => {
  test("sign, agree and wrap", async (t) => {
    const { run } = await device(t);
    const [ours, theirs] = await Promise.all([run("ours", "open"), run("theirs", "open")]);
    assert.equal(ours.protection, KeyProtection.FILE);
    assert.ok(ours.created);
    const { data: signature } = await run("ours", "sign", { message: bytes("message") });
    assert.ok(await verifies(ours.signPublicKey, bytes("message"), signature));
    assert.ok(!(await verifies(theirs.signPublicKey, bytes("message"), signature)));

    const shared = await run("ours", "agree", { publicKey: theirs.agreePublicKey });
    assert.equal(shared.data.length, 32);
    assert.deepEqual(shared.data, (await run("theirs", "agree", { publicKey: ours.agreePublicKey })).data);
    const one = new Uint8Array(32);
    one[0] = 1;
    for (const publicKey of [new Uint8Array(32), one]) await assert.rejects(run("ours", "agree", { publicKey }), { code: "INVALID_ARGUMENT" });

    const context = bytes("context");
    for (const secret of [bytes(""), bytes("secret"), new Uint8Array(4096).fill(9)]) {
      const { data: wrapped } = await run("ours", "wrap", { secret, context });
      assert.ok(wrapped.length <= secret.length + 64);
      assert.deepEqual((await run("ours", "unwrap", { wrapped, context })).data, secret);
      const damaged = wrapped.slice();
      damaged[wrapped.length >> 1] ^= 1;
      const others = [
        ["ours", damaged, context],
        ["ours", wrapped, bytes("other")],
        ["theirs", wrapped, context],
        ...[1, 12, 20].map((length) => ["ours", wrapped.subarray(0, length), context]),
        ["ours", wrapped.subarray(0, -1), context],
        ["ours", new Uint8Array(), context],
      ];
      for (const [name, bad, under] of others) await assert.rejects(run(name, "unwrap", { wrapped: bad, context: under }), { code: "CORRUPT" });
    }
    await assert.rejects(run("unknown", "sign", { message: bytes("message") }), { code: "NOT_FOUND" });
  });

  test("are one key set however many open it at once, and there after a restart", async (t) => {
    const { run, restart } = await device(t);
    const opened = await Promise.all([1, 2, 3, 4].map(() => run("device", "open")));
    assert.equal(opened.filter(({ created }) => created).length, 1);
    for (const each of opened) assert.deepEqual(each.signPublicKey, opened[0].signPublicKey);
    const { data: wrapped } = await run("device", "wrap", { secret: bytes("secret") });
    await restart();
    const { data: signature } = await run("device", "sign", { message: bytes("message") });
    assert.ok(await verifies(opened[0].signPublicKey, bytes("message"), signature));
    assert.deepEqual((await run("device", "unwrap", { wrapped })).data, bytes("secret"));
    assert.ok(!(await run("device", "open")).created);
    for (const _ of [1, 2]) await run("device", "erase");
    await restart();
    await assert.rejects(run("device", "sign", { message: bytes("message") }), { code: "NOT_FOUND" });
    assert.notDeepEqual((await run("device", "open")).signPublicKey, opened[0].signPublicKey);
  });

  test("are in a file that only its owner can read, also if somebody has opened it to others", { skip: process.platform === "win32" && "no modes" }, async (t) => {
    const { file, run, restart } = await device(t);
    await run("device", "open");
    const mode = async () => (await stat(file)).mode & 0o777;
    assert.equal(await mode(), 0o600);
    await chmod(file, 0o644);
    await restart();
    await run("device", "open");
    assert.equal(await mode(), 0o600);
  });

  test("are reported damaged, and never replaced", async (t) => {
    const { file, run, restart } = await device(t);
    const opened = await run("device", "open");
    const whole = await readFile(file);
    const flipped = Buffer.from(whole);
    flipped[30] ^= 1;
    for (const damaged of [Buffer.alloc(0), bytes("something else"), flipped, whole.subarray(0, -1), Buffer.alloc(100, 0xff)]) {
      await writeFile(file, damaged);
      await restart();
      for (const which of ["open", "erase"]) await assert.rejects(run("other", which), { code: "CORRUPT" });
      assert.deepEqual(await readFile(file), Buffer.from(damaged));
    }
    await writeFile(file, whole);
    await restart();
    assert.deepEqual((await run("device", "open")).signPublicKey, opened.signPublicKey);
  });

  test("do not mind what a write that was killed has left", async (t) => {
    const { file, run, restart } = await device(t);
    await run("device", "open");
    await writeFile(`${file}.new`, "half");
    await run("other", "open");
    await restart();
    assert.ok(!(await run("device", "open")).created);
    assert.ok(!(await run("other", "open")).created);
  });
});
