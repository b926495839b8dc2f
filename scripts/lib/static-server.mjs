// Serves a folder on the loopback interface, with the headers that the app asks for in headers.json. Called by start.mjs.
import { createReadStream, existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { pipeline } from "node:stream/promises";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".map": "application/json; charset=utf-8",
  ".md": "text/markdown; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json; charset=utf-8",
  ".webp": "image/webp",
  ".woff2": "font/woff2",
};

/**
 * Serves `folder` on `port` (0 = a free one) and resolves with the address and a way to stop. `headers` go with every answer. `answers` maps a path to a function that resolves
 * with the JSON to answer there, as text.
 */
export async function serve(folder, { port = 0, headers = {}, answers = {} } = {}) {
  const root = path.resolve(folder);
  const server = createServer((request, response) => {
    answer(root, headers, answers, request, response).catch(() => response.destroy());
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return {
    url: `http://localhost:${server.address().port}/`,
    close: () => new Promise((resolve) => (server.close(resolve), server.closeAllConnections())),
  };
}

async function answer(root, headers, answers, request, response) {
  if (request.method !== "GET" && request.method !== "HEAD") return void response.writeHead(405, { allow: "GET, HEAD" }).end();
  if (Object.hasOwn(answers, request.url)) {
    const body = await answers[request.url]();
    return void response.writeHead(200, { ...headers, "content-type": TYPES[".json"], "cache-control": "no-store" }).end(body);
  }
  const file = fileFor(root, request.url);
  if (!file) return void response.writeHead(404, { ...headers, "content-type": "text/plain; charset=utf-8" }).end("Not found\n");
  response.writeHead(200, {
    ...headers,
    "content-type": TYPES[path.extname(file)] ?? "application/octet-stream",
    "content-length": statSync(file).size,
    // A local build changes under the same names: the browser must ask each time.
    "cache-control": "no-cache",
  });
  if (request.method === "HEAD") return void response.end();
  await pipeline(createReadStream(file), response);
}

/** The file that a request names, or undefined when there is none below the root. */
function fileFor(root, url) {
  let name;
  try {
    name = decodeURIComponent(new URL(url, "http://localhost").pathname);
  } catch {
    return undefined;
  }
  if (name.includes("\0")) return undefined;
  const file = path.join(root, name.endsWith("/") ? `${name}index.html` : name);
  const inside = file.startsWith(root + path.sep);
  return inside && existsSync(file) && statSync(file).isFile() ? file : undefined;
}

/** The headers in a headers.json file: an object from name to value; nothing when there is no such file. */
export function readHeaders(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
}
