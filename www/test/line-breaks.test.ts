import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isCrlf, toEditor, toNote } from "../src/editor/line-breaks";

const text = fc.array(fc.constantFrom("a", "\r", "\n", "\r\n", "é")).map((parts) => parts.join(""));

test("a text comes out of the editor as it went in, whatever its line breaks", () => {
  fc.assert(fc.property(text, (note) => {
    const crlf = isCrlf(note);
    assert.equal(toNote(toEditor(note, crlf), crlf), note);
  }), { numRuns: 1_000 });
});

test("only a text in which every line ends with CR LF counts as one", () => {
  assert.ok(isCrlf("a\r\nb\r\n"));
  for (const other of ["", "a", "a\nb", "a\r\nb\n", "a\rb\r\nc", "\n\r\n", "a\r\r\n"]) assert.ok(!isCrlf(other), JSON.stringify(other));
});

test("in such a text, a position moves by one for each line break before it", () => {
  fc.assert(fc.property(fc.array(fc.constantFrom("a", "bc", ""), { minLength: 2 }), fc.nat(), (lines, seed) => {
    const note = lines.join("\r\n");
    const editor = toEditor(note, true);
    const at = seed % (editor.length + 1);
    const inNote = at + editor.slice(0, at).split("\n").length - 1;
    assert.equal(toNote(editor.slice(0, at), true), note.slice(0, inNote));
  }));
});
