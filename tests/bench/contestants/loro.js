// Loro: the trace, one commit an edit; then the saved document loaded.
import { LoroDoc } from "loro-crdt";
import { assertEqual, expectedText, keystrokes, timed } from "./workload.js";

globalThis.contestant = {
  async trace({ limit }) {
    const edits = await keystrokes(limit);
    const doc = new LoroDoc();
    const text = doc.getText("body");
    const editMs = await timed(() => {
      for (const [position, deleted, inserted] of edits) {
        if (deleted) text.delete(position, deleted);
        if (inserted) text.insert(position, inserted);
        doc.commit();
      }
    });
    const expected = expectedText(edits);
    assertEqual(text.toString(), expected, "text after the trace");
    const saved = doc.export({ mode: "snapshot" });
    const loadMs = await timed(() => {
      const loaded = new LoroDoc();
      loaded.import(saved);
      assertEqual(loaded.getText("body").toString(), expected, "text after the load");
    });
    return { editMs, loadMs, bytes: saved.length };
  },
};
