// Yjs: the trace, one transaction an edit; then the saved document loaded.
import * as Y from "yjs";
import { assertEqual, expectedText, keystrokes, timed } from "./workload.js";

globalThis.contestant = {
  async trace({ limit }) {
    const edits = await keystrokes(limit);
    const doc = new Y.Doc();
    const text = doc.getText("body");
    const editMs = await timed(() => {
      for (const [position, deleted, inserted] of edits) {
        doc.transact(() => {
          if (deleted) text.delete(position, deleted);
          if (inserted) text.insert(position, inserted);
        });
      }
    });
    const expected = expectedText(edits);
    assertEqual(text.toString(), expected, "text after the trace");
    const saved = Y.encodeStateAsUpdate(doc);
    const loadMs = await timed(() => {
      const loaded = new Y.Doc();
      Y.applyUpdate(loaded, saved);
      assertEqual(loaded.getText("body").toString(), expected, "text after the load");
    });
    return { editMs, loadMs, bytes: saved.length };
  },
};
