import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { serve } from "../lib/static-server.mjs";

let dir;
let server;
before(async () => {
  dir = mkdtempSync(path.join(tmpdir(), "avatar-serve-"));
  mkdirSync(path.join(dir, "dist"));
  writeFileSync(path.join(dir, "secret.txt"), "secret");
  writeFileSync(path.join(dir, "dist", "index.html"), "<p>hello");
  writeFileSync(path.join(dir, "dist", "m.wasm"), "\0asm");
  server = await serve(path.join(dir, "dist"), { headers: { "content-security-policy": "default-src 'self'" }, answers: { "/now.json": async () => '{"n":1}' } });
});
after(async () => {
  await server.close();
  rmSync(dir, { recursive: true });
});

/** fetch would tidy the path before it is sent. */
function get(rawPath, method = "GET") {
  const { port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, path: rawPath, method }, (response) => {
      let body = "";
      response.on("data", (chunk) => (body += chunk)).on("end", () => resolve({ status: response.statusCode, headers: response.headers, body }));
    })
      .on("error", reject)
      .end();
  });
}

test("files come with their type, the app's headers, and are asked for each time", async () => {
  const page = await get("/");
  assert.equal(page.body, "<p>hello");
  assert.equal(page.headers["content-type"], "text/html; charset=utf-8");
  assert.equal(page.headers["content-security-policy"], "default-src 'self'");
  assert.equal(page.headers["cache-control"], "no-cache");
  assert.equal((await get("/m.wasm")).headers["content-type"], "application/wasm");
});

test("nothing above the folder is served, and what is malformed is not found", async () => {
  for (const rawPath of ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/%00", "/%", "//", "/absent", "/dist"]) {
    const { status, body } = await get(rawPath);
    assert.notEqual(body, "secret", rawPath);
    if (rawPath !== "//") assert.equal(status, 404, rawPath);
  }
  assert.equal((await get("/", "POST")).status, 405);
});

test("what is asked for at each time is answered as JSON", async () => {
  const answer = await get("/now.json");
  assert.equal(answer.body, '{"n":1}');
  assert.equal(answer.headers["content-type"], "application/json; charset=utf-8");
  assert.equal(answer.headers["cache-control"], "no-store");
});
