import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { deriveFields, readText } from "../src/markdown/derive";
import { addTag, applyEdits, minimalEdit, removeTag, setTitle } from "../src/markdown/edits";

const added = (body: string, tag: string): string => applyEdits(body, addTag(body, tag));
const removed = (body: string, tag: string): string => applyEdits(body, removeTag(body, tag));

test("the minimal edit leads from one text to the other and cuts no character in half", () => {
  const text = fc.array(fc.constantFrom("a", "b", "\n", "😀", "😃", "é")).map((parts) => parts.join(""));
  fc.assert(fc.property(text, text, (before, after) => {
    const edit = minimalEdit(before, after);
    assert.equal(edit ? applyEdits(before, [edit]) : before, after);
    if (edit) assert.ok(edit.insert.isWellFormed());
  }));
});

test("a new title is written where the text says it", () => {
  const set = (body: string, title: string): string | undefined => {
    const edits = setTitle(body, title);
    return edits && applyEdits(body, edits);
  };
  assert.equal(set("---\ntitle: Old\nx: 1\n---\n# H", "New: one"), '---\ntitle: "New: one"\nx: 1\n---\n# H');
  assert.equal(set("a\n\n# Old #\nb", "New"), "a\n\n# New #\nb");
  assert.equal(set("Old\n===\nb", "New"), "New\n===\nb");
  assert.equal(set("no title", "New"), undefined);
});

test("a title that was set is the title that is read", () => {
  const title = fc.string({ minLength: 1 }).map((text) => text.replace(/\s+/g, " ").trim()).filter((text) => text !== "");
  fc.assert(fc.property(title, (wanted) => {
    const body = "---\ntitle: Old\ntags: [a]\n---\nText";
    const after = applyEdits(body, setTitle(body, wanted) ?? []);
    assert.equal(deriveFields(after, "").title, wanted);
    assert.deepEqual(deriveFields(after, "").tags, ["a"]);
  }));
});

test("a tag goes to the front matter where there is one, else on a last line", () => {
  assert.equal(added("---\ntags: [a]\n---\nx", "B c"), "---\ntags: [a, b-c]\n---\nx");
  assert.equal(added("---\ntags:\n  - a\nother: 1\n---\nx", "b"), "---\ntags: [a, b]\nother: 1\n---\nx");
  assert.equal(added("---\nother: 1\n---\nx", "b"), "---\nother: 1\ntags: [b]\n---\nx");
  assert.equal(added("text\n", "b"), "text\n\n#b\n");
  assert.equal(added("text\n\n#b\n", "c"), "text\n\n#b #c\n");
  assert.equal(added("", "b"), "#b\n");
  assert.equal(added("text #b", "b"), "text #b");
});

test("a tag that was added is read; when it is removed it is gone, and the other text is as before", () => {
  const bodies = fc.constantFrom("", "text", "text\n", "# T\r\n\r\ntext\r\n", "---\ntitle: x\n---\nbody", "---\ntags: [keep]\n---\nbody #also", "---\ntags:\n- keep\n---\n", "end #keep");
  const tags = fc.stringMatching(/^[a-z0-9][a-z0-9/_-]{0,8}[a-z0-9]$/);
  fc.assert(fc.property(bodies, tags, (body, tag) => {
    const before = readText(body, "").tags;
    const withTag = added(body, tag);
    assert.deepEqual(new Set(readText(withTag, "").tags), new Set([...before, tag]));
    const without = removed(withTag, tag);
    assert.deepEqual(new Set(readText(without, "").tags), new Set(before.filter((kept) => kept !== tag)));
  }));
});

test("removing takes every mention in the prose", () => {
  assert.equal(removed("a #x b #y #x.\n#x", "x"), "a b #y.\n");
  assert.equal(removed("`#x` stays", "x"), "`#x` stays");
});
