// automerge-repo with its IndexedDB adapter, as its documentation shows it. Ids of the documents are kept in localStorage: cheaper than the root document that its apps use.
import { initializeWasm, Repo } from "@automerge/automerge-repo/slim";
import { IndexedDBStorageAdapter } from "@automerge/automerge-repo-storage-indexeddb";
import { note, showTitles, timed } from "./workload.js";

let memory;
const ready = WebAssembly.compileStreaming(fetch("/automerge.wasm")).then((module) => initializeWasm(module));

const repoOf = (name) => new Repo({ storage: new IndexedDBStorageAdapter(name) });

globalThis.contestant = {
  async create({ name, count }) {
    await ready;
    const repo = repoOf(name);
    const urls = [];
    const ms = await timed(async () => {
      for (let n = 0; n < count; n++) urls.push(repo.create(note(n)).url);
      await repo.flush();
    });
    localStorage.setItem(name, JSON.stringify(urls));
    return ms;
  },
};

/** From the navigation to all titles on the page. */
globalThis.load = async ({ name, count }) => {
  await ready;
  const repo = repoOf(name);
  const handles = await Promise.all(JSON.parse(localStorage.getItem(name)).map((url) => repo.find(url)));
  const titles = handles.map((handle) => handle.doc().title);
  if (titles.length !== count) throw new Error(`${titles.length} titles instead of ${count}`);
  return { ms: showTitles(titles) };
};
