// A static server on a free loopback port, with the headers that a careful host sends. It can go away and come back on the same port: that is how the tests prove
// that something works offline, in every engine alike.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".mjs": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};

/** As strict as a page of ours can be served: nothing but its own files, wasm allowed, no string becomes code or markup. */
export const STRICT_CSP = [
  "require-trusted-types-for 'script'",
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/**
 * Serves folders. `mounts` maps a URL prefix to a folder (`{"/": dist, "/avatar/": pkg}`); the longest prefix wins.
 * `headers` go with every answer; `replace` answers a path with other bytes (`{"/meta_unit.wasm": Buffer}`); `posts` maps a path to what takes the JSON posted there.
 */
export async function serve(mounts, { headers = {}, replace = {}, posts = {} } = {}) {
  const prefixes = Object.keys(mounts).sort((a, b) => b.length - a.length);
  const requests = [];

  const fileOf = (path) => {
    const prefix = prefixes.find((each) => path.startsWith(each));
    if (prefix === undefined) return undefined;
    const folder = mounts[prefix];
    const file = join(folder, normalize(`/${path.slice(prefix.length)}`));
    return file.startsWith(folder.endsWith(sep) ? folder : folder + sep) ? file : undefined;
  };

  const server = createServer(async (request, response) => {
    let path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    if (path.endsWith("/")) path += "index.html";
    requests.push(path);
    if (request.method === "POST" && posts[path]) {
      const parts = [];
      for await (const part of request) parts.push(part);
      await posts[path](JSON.parse(Buffer.concat(parts).toString()));
      return response.writeHead(204).end();
    }
    if (replace[path]) {
      response.writeHead(200, { ...headers, "content-type": TYPES[extname(path)] ?? "application/octet-stream" });
      return response.end(replace[path]);
    }
    const file = fileOf(path);
    const content = file && (await readFile(file).catch(() => undefined));
    if (!content) return response.writeHead(404, { "content-type": "text/plain" }).end("not found");
    response.writeHead(200, { "cache-control": "no-cache", ...headers, "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
    response.end(content);
  });

  const listen = (port) =>
    new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => {
        server.off("error", reject);
        resolve();
      });
    });
  const stop = () =>
    new Promise((resolve) => {
      if (!server.listening) return resolve();
      server.close(() => resolve());
      server.closeAllConnections();
    });

  await listen(0);
  const { port } = server.address();
  return {
    /** Ends with a slash. */
    url: `http://127.0.0.1:${port}/`,
    /** Paths asked for, in order. */
    requests,
    /** Answers other bytes for a path, from now on: `server.replace["/x.js"] = buffer`. */
    replace,
    /** From now on every connection is refused. */
    goOffline: stop,
    goOnline: () => listen(port),
    close: stop,
  };
}
