// automerge: the trace, one change an edit; then the saved document loaded.
import * as automerge from "@automerge/automerge/slim";
import { assertEqual, expectedText, keystrokes, timed } from "./workload.js";

const ready = automerge.initializeWasm(fetch("/automerge.wasm"));

globalThis.contestant = {
  async trace({ limit }) {
    await ready;
    const edits = await keystrokes(limit);
    let doc = automerge.from({ body: "" });
    const editMs = await timed(() => {
      for (const [position, deleted, inserted] of edits) doc = automerge.change(doc, (draft) => automerge.splice(draft, ["body"], position, deleted, inserted));
    });
    const expected = expectedText(edits);
    assertEqual(doc.body, expected, "text after the trace");
    const saved = automerge.save(doc);
    automerge.free(doc);
    const loadMs = await timed(() => assertEqual(automerge.load(saved).body, expected, "text after the load"));
    return { editMs, loadMs, bytes: saved.length };
  },
};
