// The web server that net checks talk to, on a free port of the loopback interface.
import { createServer } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

/** Starts it. `url` ends with a slash; `asked` are the requests that came, with their headers. */
export async function startServer() {
  const asked = [];
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://localhost");
    // Browsers ask with their own origin.
    const headers = { "access-control-allow-origin": "*", "access-control-allow-headers": "*", "content-type": "application/octet-stream" };
    if (request.method === "OPTIONS") return response.writeHead(204, headers).end();
    asked.push({ path: url.pathname, headers: request.headers });
    const bytes = Buffer.alloc(Number(url.searchParams.get("bytes") ?? 0), 7);
    if (url.pathname === "/silent") {
      response.on("close", () => response.end());
      return;
    }
    if (url.pathname === "/cookie") headers["set-cookie"] = "session=secret";
    response.writeHead(200, headers);
    if (url.pathname === "/drip") {
      // In pieces with pauses: a stream in the middle of its life.
      for (let at = 0; at < bytes.length && !response.destroyed; at += 20_000) {
        response.write(bytes.subarray(at, at + 20_000));
        await delay(5);
      }
      return response.end();
    }
    response.end(bytes);
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const close = () =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${server.address().port}/`, asked, close };
}
