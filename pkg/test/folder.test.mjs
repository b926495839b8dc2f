import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFile, mkdtemp, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { openFolder } from "../dist/node/folder.js";
import { record } from "./arbitraries.mjs";

const bytes = (text) => new TextEncoder().encode(text);
const text = (each) => new TextDecoder().decode(each);
const put = (key, value) => ({ op: "put", key: bytes(key), value: bytes(value) });
const get = (key) => ({ op: "get", key: bytes(key) });
const scan = (start, end, more = {}) => ({ op: "scan", start: bytes(start), ...(end === undefined ? {} : { end: bytes(end) }), limit: 0, maxBytes: 1 << 20, keysOnly: false, ...more });

async function folder(t) {
  const directory = await mkdtemp(path.join(tmpdir(), "avatar-folder-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Everything in a store, as an object. */
async function contents(store) {
  const [{ keys, values }] = await store.batch([scan("", undefined)], "relaxed");
  return Object.fromEntries(keys.map((key, i) => [text(key), text(values[i])]));
}

async function reopened(directory, use) {
  const store = await openFolder(directory);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

describe("the folder store", () => {
  test("is after any batches, closed and opened, what an ordered map would be", async (t) => {
    const key = fc.string({ unit: fc.constantFrom("a", "b", "\u00ff"), minLength: 1, maxLength: 3 });
    const op = fc.oneof(
      record({ op: fc.constant("put"), key, value: fc.string({ maxLength: 5 }) }),
      record({ op: fc.constant("delete"), key }),
      record({ op: fc.constant("deleteRange"), start: key, end: fc.option(key, { nil: undefined }) }),
      record({ op: fc.constant("scan"), start: key, end: fc.option(key, { nil: undefined }), limit: fc.nat(3) }),
      record({ op: fc.constant("get"), key }),
    );
    const latin = (each) => Uint8Array.from(each, (character) => character.charCodeAt(0));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(op, { maxLength: 5 }), { maxLength: 6 }), fc.infiniteStream(fc.boolean()), async (batches, reopens) => {
        const directory = await mkdtemp(path.join(tmpdir(), "avatar-folder-"));
        let store = await openFolder(directory);
        const model = new Map();
        const inRange = (start, end) => [...model.keys()].filter((each) => each >= start && (end === undefined || each < end)).sort();
        try {
          for (const batch of batches) {
            const expected = [];
            const ops = batch.map((each) => {
              if (each.op === "put") model.set(each.key, each.value);
              if (each.op === "delete") model.delete(each.key);
              if (each.op === "deleteRange") for (const found of inRange(each.start, each.end)) model.delete(found);
              if (each.op === "get") expected.push({ found: model.has(each.key) ? [[each.key, model.get(each.key)]] : [], more: false });
              if (each.op === "scan") {
                const found = inRange(each.start, each.end).map((name) => [name, model.get(name)]);
                const limit = each.limit || Number.POSITIVE_INFINITY;
                expected.push({ found: found.slice(0, limit), more: found.length > limit });
              }
              const encoded = { ...each, maxBytes: 1 << 20, keysOnly: false };
              for (const name of ["key", "start", "end", "value"]) if (each[name] !== undefined) encoded[name] = latin(each[name]);
              return encoded;
            });
            const reads = await store.batch(ops, "relaxed");
            const unlatin = (each) => String.fromCharCode(...each);
            assert.deepEqual(reads.map(({ keys, values, more }) => ({ found: keys.map((each, i) => [unlatin(each), unlatin(values[i])]), more })), expected.map(({ found, more }) => ({ found: found.map(([a, b]) => [a, unlatin(latin(b))]), more })));
            if (reopens.next().value) {
              await store.close();
              store = await openFolder(directory);
            }
          }
        } finally {
          await store.close();
          await rm(directory, { recursive: true });
        }
      }),
      { numRuns: 60 },
    );
    t.diagnostic("60 runs");
  });

  test("forgets a torn tail, and only that", async (t) => {
    const directory = await folder(t);
    const log = path.join(directory, "log");
    await reopened(directory, async (store) => {
      await store.batch([put("a", "1")], "strict");
      await store.batch([put("b", "2"), put("c", "3")], "strict");
    });
    const whole = await readFile(log);
    const firstEnd = 8 + 8 + 9 + 2;
    for (let size = whole.length - 1; size >= firstEnd; size--) {
      await writeFile(log, whole.subarray(0, size));
      assert.deepEqual(await reopened(directory, contents), { a: "1" }, `cut at ${size}`);
      assert.equal((await stat(log)).size, firstEnd, "the tail is cut off, so that what comes next is read again");
    }
    await writeFile(log, whole);
    await appendFile(log, new Uint8Array(100));
    assert.deepEqual(await reopened(directory, contents), { a: "1", b: "2", c: "3" });
  });

  test("a batch is all there or not at all, whenever the process is killed", async (t) => {
    const directory = await folder(t);
    // The child writes pairs and says which are durable; it is killed in the middle of its work.
    const program = `
      import { openFolder } from ${JSON.stringify(new URL("../dist/node/folder.js", import.meta.url).href)};
      const store = await openFolder(process.argv[1]);
      const bytes = (text) => new TextEncoder().encode(text);
      for (let i = Number(process.argv[2]); ; i++) {
        await store.batch([{ op: "put", key: bytes("x" + i), value: bytes(String(i).repeat(200)) }, { op: "put", key: bytes("y" + i), value: bytes(String(i)) }], i % 3 ? "relaxed" : "strict");
        process.stdout.write(i + "\\n");
      }`;
    let start = 0;
    for (let round = 0; round < 8; round++) {
      const child = spawn(process.execPath, ["--input-type=module", "-e", program, directory, String(start)], { stdio: ["ignore", "pipe", "inherit"] });
      let acknowledged = start - 1;
      let rest = "";
      child.stdout.setEncoding("utf8").on("data", (chunk) => {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop();
        if (lines.length > 0) acknowledged = Number(lines.at(-1));
        if (acknowledged >= start + 20 + round * 7) child.kill("SIGKILL");
      });
      await new Promise((resolve) => child.once("close", resolve));
      const held = await reopened(directory, contents);
      for (let i = 0; i <= acknowledged; i++) assert.equal(held[`x${i}`], String(i).repeat(200), `write ${i} was acknowledged`);
      const numbers = (letter) => Object.keys(held).filter((name) => name.startsWith(letter)).map((name) => Number(name.slice(1))).sort((a, b) => a - b);
      assert.deepEqual(numbers("x"), numbers("y"), "no half batches");
      start = numbers("x").length;
    }
  });

  test("is rewritten when most of it is garbage, and holds the same", async (t) => {
    const directory = await folder(t);
    const big = "z".repeat(100_000);
    await reopened(directory, async (store) => {
      await store.batch([put("kept", big), put("other", "x")], "relaxed");
      for (let i = 0; i < 250; i++) await store.batch([put("again", big + i)], "relaxed");
      assert.ok((await stat(path.join(directory, "log"))).size < 20_000_000, "25 MB were written");
      assert.deepEqual(await contents(store), { again: `${big}249`, kept: big, other: "x" });
      await store.batch([put("after", "1")], "strict");
    });
    assert.deepEqual(await reopened(directory, contents), { after: "1", again: `${big}249`, kept: big, other: "x" });
  });

  test("stops a scan at its limits, and says so", async (t) => {
    await reopened(await folder(t), async (store) => {
      await store.batch([put("a", "1234"), put("b", "5678"), put("c", "9")], "relaxed");
      const reads = await store.batch([scan("", undefined, { limit: 2 }), scan("", undefined, { maxBytes: 5 }), scan("", undefined, { maxBytes: 1 }), scan("b", undefined, { keysOnly: true, maxBytes: 1 })], "relaxed");
      assert.deepEqual(reads.map(({ keys, values, more }) => [keys.map(text).join(""), values.length, more]), [["ab", 2, true], ["a", 1, true], ["a", 1, true], ["bc", 0, false]]);
    });
  });

  test("lets a batch read what it wrote before, and not what it writes after", async (t) => {
    await reopened(await folder(t), async (store) => {
      await store.batch([put("a", "old")], "relaxed");
      const reads = await store.batch([get("a"), put("a", "new"), get("a"), { op: "delete", key: bytes("a") }, get("a")], "relaxed");
      assert.deepEqual(reads.map(({ values }) => values.map(text)), [["old"], ["new"], []]);
    });
  });

  test("a batch that reads more than the host can hand over fails and leaves no trace", async (t) => {
    const directory = await folder(t);
    const large = { op: "put", key: bytes("large"), value: new Uint8Array(9 << 20) };
    await reopened(directory, async (store) => {
      await store.batch([large, put("kept", "before"), put("gone", "before")], "relaxed");
      const batch = [put("kept", "after"), { op: "delete", key: bytes("gone") }, put("new", "after"), get("large"), get("large")];
      await assert.rejects(store.batch(batch, "relaxed"), { code: "STORAGE_IO" });
      const [kept, gone, fresh] = await store.batch([get("kept"), get("gone"), get("new")], "relaxed");
      assert.deepEqual([kept, gone].map(({ values }) => text(values[0])), ["before", "before"]);
      assert.equal(fresh.keys.length, 0);
    });
    await reopened(directory, async (store) => {
      const [kept, fresh] = await store.batch([get("kept"), get("new")], "relaxed");
      assert.deepEqual([text(kept.values[0]), fresh.keys.length], ["before", 0]);
    });
  });

  test("takes effect in the order of the calls, awaited or not", async (t) => {
    await reopened(await folder(t), async (store) => {
      const batches = Array.from({ length: 50 }, (_, i) => store.batch([get("n"), put("n", String(i))], i % 2 ? "strict" : "relaxed"));
      const seen = (await Promise.all(batches)).map(([{ values }]) => values.map(text).join());
      assert.deepEqual(seen, ["", ...Array.from({ length: 49 }, (_, i) => String(i))]);
    });
  });

  test("belongs to one at a time: STORAGE_LOCKED", async (t) => {
    const directory = await folder(t);
    await reopened(directory, () => assert.rejects(openFolder(directory), { name: "AvatarStorageError", code: "STORAGE_LOCKED" }));
    await reopened(directory, contents);
  });

  test("takes over the lock of a process that is gone", async (t) => {
    const directory = await folder(t);
    const child = spawn(process.execPath, ["-e", ""]);
    await new Promise((resolve) => child.once("exit", resolve));
    for (const owner of [String(child.pid), "", String(process.pid)]) {
      await writeFile(path.join(directory, "lock"), owner);
      assert.deepEqual(await reopened(directory, contents), {});
    }
  });

  test("opens with a damaged value in the middle: whose value it is finds out by its own checksum", async (t) => {
    const directory = await folder(t);
    const log = path.join(directory, "log");
    await reopened(directory, async (store) => {
      for (const name of ["a", "b", "c"]) await store.batch([put(name, `value of ${name}`)], "strict");
    });
    const whole = await readFile(log);
    whole[whole.indexOf("value of b")] ^= 1;
    await writeFile(log, whole);
    assert.deepEqual(await reopened(directory, contents), { a: "value of a", b: "walue of b", c: "value of c" });
  });

  test("refuses what it cannot read instead of overwriting it", async (t) => {
    const directory = await folder(t);
    const log = path.join(directory, "log");
    await writeFile(log, "this is somebody's diary");
    await assert.rejects(openFolder(directory), { code: "CORRUPT" });
    assert.equal(await readFile(log, "utf8"), "this is somebody's diary");
    await rm(log);
    await reopened(directory, (store) => store.batch([put("a", "1")], "strict"));
    const bytesOfLog = await readFile(log);
    bytesOfLog[7] = 2;
    await writeFile(log, bytesOfLog);
    await assert.rejects(openFolder(directory), { code: "SCHEMA_TOO_NEW" });
    await truncate(log, 3);
    assert.deepEqual(await reopened(directory, contents), {}, "a log that was just being made");
  });

  test("says STORAGE_BLOCKED where no folder can be", async (t) => {
    const directory = await folder(t);
    await writeFile(path.join(directory, "file"), "");
    await assert.rejects(openFolder(path.join(directory, "file")), { name: "AvatarStorageError", code: "STORAGE_BLOCKED" });
    await assert.rejects(openFolder(path.join(directory, "file", "below")), { name: "AvatarStorageError", code: "STORAGE_BLOCKED" });
  });

  test("answers STORAGE_LOST once it is closed", async (t) => {
    const store = await openFolder(await folder(t));
    await Promise.all([store.close(), store.close()]);
    await assert.rejects(store.batch([get("a")], "relaxed"), { code: "STORAGE_LOST" });
  });
});
