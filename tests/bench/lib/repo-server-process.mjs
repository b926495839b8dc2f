// The process of repo-server.mjs.
import { once } from "node:events";
import { parseAutomergeUrl, Repo } from "@automerge/automerge-repo";
import { WebSocketServerAdapter } from "@automerge/automerge-repo-network-websocket";
import { WebSocketServer } from "ws";

const sockets = new WebSocketServer({ host: "127.0.0.1", port: 0 });
const repo = new Repo({ network: [new WebSocketServerAdapter(sockets)], sharePolicy: async () => false });

/** Resolves when all documents are here: looked at after whatever a message of the sync protocol does. */
function allHere(urls) {
  const ids = urls.map((url) => parseAutomergeUrl(url).documentId);
  const isHere = (id) => repo.handles[id]?.isReady() && repo.handles[id].doc().title !== undefined;
  let here = 0;
  return new Promise((resolve) => {
    const look = () => {
      while (here < ids.length && isHere(ids[here])) here++;
      if (here < ids.length) return;
      repo.off("doc-metrics", soon);
      resolve();
    };
    // It is told before the document has what came.
    const soon = () => void setImmediate(look);
    repo.on("doc-metrics", soon);
    look();
  });
}

process.on("message", async ({ urls }) => {
  await allHere(urls);
  process.send({ here: urls.length });
});
if (!sockets.address()) await once(sockets, "listening");
process.send({ port: sockets.address().port });
