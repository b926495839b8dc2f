import assert from "node:assert/strict";
import { test } from "node:test";
import { EditorState } from "@codemirror/state";
import { fromDocument } from "../src/editor/binding";
import { cursorOf, cursors, cursorsHeard } from "../src/editor/others";

const heard = [{ device: "phone", anchor: 2, head: 4 }];
const editor = EditorState.create({ doc: "one two", extensions: [cursors] }).update({ effects: cursorsHeard.of(heard) }).state;
const places = (state: EditorState): [number, number][] => state.field(cursors).map(({ anchor, head }) => [anchor, head]);

test("what another device says is a cursor where it has two places, and nothing else", () => {
  assert.deepEqual(cursorOf({ device: "phone", data: { anchor: 2, head: 4, more: 1 } }), heard[0]);
  for (const data of [undefined, null, 5, "x", [], {}, { anchor: 1 }, { anchor: -1, head: 2 }, { anchor: 1.5, head: 2 }, { anchor: "1", head: "2" }, { anchor: 1, head: Infinity }]) {
    assert.equal(cursorOf({ device: "phone", data }), undefined, JSON.stringify(data));
  }
});

test("what is typed here moves the cursors of others", () => {
  assert.deepEqual(places(editor.update({ changes: { from: 0, insert: "ab" } }).state), [[4, 6]]);
  assert.deepEqual(places(editor.update({ changes: { from: 3, to: 7 } }).state), [[2, 3]]);
  assert.deepEqual(places(editor.update({ changes: { from: 5, insert: "ab" } }).state), [[2, 4]]);
});

test("what comes from elsewhere does not: who is there says so anew", () => {
  const changed = editor.update({ changes: { from: 0, insert: "ab" }, annotations: fromDocument.of(true) }).state;
  assert.deepEqual(places(changed), [[2, 4]]);
  assert.deepEqual(places(changed.update({ effects: cursorsHeard.of([]) }).state), []);
});

test("a cursor beyond the end of the text, which has not come yet, is no error", () => {
  const ahead = editor.update({ effects: cursorsHeard.of([{ device: "phone", anchor: 100, head: 100 }]) }).state;
  assert.deepEqual(places(ahead.update({ changes: { from: 7, insert: "!" } }).state), [[8, 8]]);
});
