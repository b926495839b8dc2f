// What another host recorded replays under wasmtime, byte for byte: avatar-web in a real Chromium (worker, IndexedDB), and in Node.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium, skipWithout } from "../e2e/lib/engines/index.mjs";
import { closeAll, openFixture } from "../e2e/lib/fixture.mjs";
import { FIXTURE_APP, NODE_MODULES, PKG_DIST, ROOT } from "../e2e/lib/paths.mjs";
import { serve } from "../e2e/lib/serve.mjs";
import { temporaryFolder } from "../e2e/lib/temp.mjs";
import { Recorder } from "./recorder.js";

const WASM = join(PKG_DIST, "meta_unit.wasm");
const AVATAR = process.env.AVATAR_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, "avatar-native/target"), "debug/avatar");
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const sha256 = createHash("sha256").update(await readFile(WASM)).digest();
const run = promisify(execFile);

/** Replays a trace; rejects when a call differs. */
async function replay(trace) {
  const folder = await temporaryFolder();
  try {
    const file = join(folder.path, "run.trace");
    await writeFile(file, trace);
    return JSON.parse((await run(AVATAR, ["--json", "--wasm", WASM, "replay", file])).stdout);
  } finally {
    await folder.remove();
  }
}

/** Documents, changes, a query, a history; the same in both hosts. Must stand alone: it also runs in a page. */
async function work(avatar = globalThis.avatar) {
  const doc = await avatar.docs.create("note", { title: "Recorded", body: "Hello 🌍", tags: ["a"], when: new Date(86_400_000) });
  for (let n = 0; n < 20; n++) await doc.splice(["body"], n, 0, "x");
  await doc.change((draft) => void draft.tags.push("b"));
  await doc.undo();
  await avatar.docs.createMany("note", Array.from({ length: 50 }, (_, n) => ({ title: `Note ${n}`, body: "text ".repeat(n) })));
  const found = await avatar.docs.query({ type: "note", where: { title: { prefix: "Note 4" } } }).get();
  const history = await doc.history();
  return { found: found.length, history: history.length > 0 };
}

const DONE = { found: 11, history: true };

test("a trace recorded in Chromium replays under wasmtime", { skip: await skipWithout(chromium) }, async (t) => {
  const mounts = { "/": FIXTURE_APP, "/avatar/": PKG_DIST, "/protobuf/": join(NODE_MODULES, "@bufbuild/protobuf/dist/esm"), "/record/": here("app") };
  const server = await serve(mounts, { replace: { "/record/recorder.js": await readFile(here("recorder.js")) } });
  const browser = await chromium.launch();
  t.after(() => closeAll(() => browser.close(), server.close));
  const page = await openFixture(browser, server);
  await page.evaluate((options) => globalThis.start(options), { name: "recorded", worker: "/record/worker.js" });
  assert.equal((await page.evaluate(() => avatar.status())).storage.kind, "indexeddb");
  assert.deepEqual(await page.evaluate(work), DONE);
  const base64 = await page.evaluate(
    (sha256) =>
      new Promise((resolve) => {
        const channel = new BroadcastChannel("avatar-trace");
        channel.onmessage = ({ data }) => {
          const reader = new FileReader();
          reader.onload = () => resolve(reader.result.split(",")[1]);
          reader.readAsDataURL(new Blob([data.trace]));
        };
        channel.postMessage({ sha256: Uint8Array.from(sha256) });
      }),
    [...sha256],
  );
  const outcome = await replay(Buffer.from(base64, "base64"));
  t.diagnostic(`${outcome.calls} records, ${(base64.length * 0.75e-6).toFixed(1)} MB`);
  assert.equal(outcome.metaUnit, sha256.toString("hex"));
  assert.deepEqual({ instances: outcome.instances, cutShort: outcome.cutShort }, { instances: 1, cutShort: false });
  assert.ok(outcome.calls > 500, `only ${outcome.calls} records`);
});

test("a trace recorded in Node, over a close and a second start, replays under wasmtime; a changed one does not", async (t) => {
  const recorder = new Recorder().install();
  const { createAvatar } = await import(join(PKG_DIST, "node.js"));
  const folder = await temporaryFolder();
  t.after(folder.remove);
  for (const first of [true, false]) {
    const avatar = await createAvatar({ folder: folder.path });
    if (first) assert.deepEqual(await work(avatar), DONE);
    await avatar.close();
  }
  const trace = recorder.trace(sha256);
  const outcome = await replay(trace);
  t.diagnostic(`${outcome.calls} records, ${(trace.length / 1e6).toFixed(1)} MB`);
  assert.deepEqual({ instances: outcome.instances, cutShort: outcome.cutShort }, { instances: 2, cutShort: false });

  const changed = trace.slice();
  // The title that a request carried: the guest stores another one now.
  const at = Buffer.from(changed.buffer).indexOf("Recorded");
  changed[at] ^= 1;
  await assert.rejects(replay(changed), ({ stderr }) => JSON.parse(stderr.trim().split("\n").at(-1)).error.code === "REPLAY_DIFFERS");
});
