// automerge-repo with its WebSocket adapter and its IndexedDB adapter, as its documentation shows them. A page of its own: what its lists are measured with needs no network.
import { initializeWasm, Repo } from "@automerge/automerge-repo/slim";
import { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket";
import { IndexedDBStorageAdapter } from "@automerge/automerge-repo-storage-indexeddb";
import { assertEqual, note, timed } from "./workload.js";

const ready = WebAssembly.compileStreaming(fetch("/automerge.wasm")).then((module) => initializeWasm(module));

/** A repo that is connected. */
async function connected(name, server) {
  await ready;
  const repo = new Repo({ storage: new IndexedDBStorageAdapter(name), network: [new WebSocketClientAdapter(server)] });
  await repo.networkSubsystem.whenReady();
  return repo;
}

globalThis.contestant = {
  /** Makes the documents; stays online. */
  async first({ name, count, server }) {
    const repo = await connected(name, server);
    const urls = Array.from({ length: count }, (_, n) => repo.create(note(n)).url);
    await repo.flush();
    return urls;
  },

  /** Another device that knows the ids, from when it is connected: until all documents are in memory, and until all are in its storage. */
  async second({ name, urls, server }) {
    const repo = await connected(name, server);
    let handles;
    const hereMs = await timed(async () => (handles = await Promise.all(urls.map((url) => repo.find(url)))));
    const durableMs = hereMs + (await timed(() => repo.flush()));
    handles.forEach((handle, n) => assertEqual(handle.doc().body, note(n).body, "text of a document that came"));
    return { hereMs, durableMs };
  },
};
