// The drivers themselves, on a page that is not ours to build: IndexedDB, two tabs, files, a server that goes away, a browser killed in mid-air.
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { engines, skipWithout } from "./lib/engines/index.mjs";
import { STRICT_CSP, serve } from "./lib/serve.mjs";
import { temporaryFolder } from "./lib/temp.mjs";

const PAGE = `<!doctype html><meta charset="utf-8"><title>plain</title><script src="page.js" defer></script>
<button id="b">b</button><input id="t"><input id="f" type="file" multiple hidden>
<a id="d" download="hello.md" href="data:text/markdown,hello">d</a>`;

const put = (key, value) =>
  new Promise((resolve, reject) => {
    const open = indexedDB.open("plain", 1);
    open.onupgradeneeded = () => open.result.createObjectStore("s");
    open.onerror = () => reject(open.error);
    open.onsuccess = () => {
      const transaction = open.result.transaction("s", "readwrite", { durability: "strict" });
      transaction.objectStore("s").put(value, key);
      transaction.oncomplete = () => (open.result.close(), resolve());
      transaction.onabort = () => reject(transaction.error);
    };
  });
const get = (key) =>
  new Promise((resolve, reject) => {
    const open = indexedDB.open("plain", 1);
    open.onupgradeneeded = () => open.result.createObjectStore("s");
    open.onerror = () => reject(open.error);
    open.onsuccess = () => {
      const request = open.result.transaction("s").objectStore("s").get(key);
      request.onsuccess = () => (open.result.close(), resolve(request.result ?? null));
    };
  });

for (const engine of engines) {
  test(`${engine.name}: the driver opens tabs, clicks, types, sets files, saves downloads`, { skip: await skipWithout(engine) }, async (t) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder.path, "index.html"), PAGE);
    await writeFile(join(folder.path, "page.js"), `document.querySelector("#b").onclick = () => (document.title = "clicked");`);
    await writeFile(join(folder.path, "a.md"), "# A");
    await writeFile(join(folder.path, "b.md"), "# B");
    const server = await serve({ "/": folder.path }, { headers: { "content-security-policy": STRICT_CSP } });
    const browser = await engine.launch();
    t.after(async () => {
      await browser.close();
      await server.close();
      await folder.remove();
    });

    const one = await browser.open(server.url);
    const two = await browser.open(server.url);
    await one.evaluate(put, "k", "from one");
    assert.equal(await two.evaluate(get, "k"), "from one", "tabs share storage");

    await one.click("#b");
    assert.equal(await one.waitFor(() => document.title === "clicked"), true);
    await one.type("#t", "typed");
    assert.equal(await one.evaluate(() => document.querySelector("#t").value), "typed");
    await two.setFiles("#f", [join(folder.path, "a.md"), join(folder.path, "b.md")]);
    assert.deepEqual(await two.evaluate(() => [...document.querySelector("#f").files].map((file) => file.name)), ["a.md", "b.md"]);
    const saved = await one.download(() => one.click("#d"));
    assert.deepEqual([saved.name, saved.bytes.toString()], ["hello.md", "hello"]);

    await one.screenshot(join(folder.path, "one.png"));
    await two.close();
    await one.reload();
    assert.equal(await one.evaluate(get, "k"), "from one", "storage outlives a reload");

    await server.goOffline();
    await assert.rejects(one.evaluate(async () => void (await fetch("/"))), "the server is gone");
    await server.goOnline();
    assert.equal(await one.evaluate(async () => (await fetch("/")).status), 200, "the server is back");
    await assert.rejects(one.evaluate(() => Promise.reject(new Error("from the page"))), /from the page/);
  });

  test(`${engine.name}: a profile outlives a browser killed by SIGKILL`, { skip: (await skipWithout(engine)) || (!engine.keepsProfiles && "it keeps no profile under automation") }, async (t) => {
    const folder = await temporaryFolder();
    const profile = join(folder.path, "profile");
    await mkdir(profile);
    await writeFile(join(folder.path, "index.html"), PAGE);
    const server = await serve({ "/": folder.path });
    t.after(async () => {
      await server.close();
      await folder.remove();
    });

    const first = await engine.launch({ profile });
    const page = await first.open(server.url);
    await page.evaluate(put, "k", "kept");
    await first.kill();

    const second = await engine.launch({ profile });
    t.after(() => second.close());
    assert.equal(await (await second.open(server.url)).evaluate(get, "k"), "kept");
  });
}
