import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { minimalSplice, Text } from "../dist/docs/text.js";
import { record } from "./arbitraries.mjs";

/** Splices as fractions of the length at hand, so that every generated one fits. */
const splices = fc.array(record({ at: fc.double({ min: 0, max: 1, noNaN: true }), take: fc.double({ min: 0, max: 1, noNaN: true }), insert: fc.oneof(fc.string({ maxLength: 8 }), fc.string({ minLength: 3000, maxLength: 5000 })) }), { maxLength: 60 });

function placed(length, { at, take }) {
  const index = Math.floor(at * length);
  // Mostly short deletions, sometimes all that follows.
  const deleteCount = Math.floor((length - index) * (take < 0.8 ? take * 0.05 : take));
  return { index, deleteCount };
}

describe("a text", () => {
  test("is after any splices what a string would be", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 6000 }), splices, (start, edits) => {
        let expected = start;
        let single = Text.of(start);
        const editor = Text.of(start).edit();
        for (const edit of edits) {
          const { index, deleteCount } = placed(expected.length, edit);
          expected = expected.slice(0, index) + edit.insert + expected.slice(index + deleteCount);
          single = single.splice(index, deleteCount, edit.insert);
          editor.splice(index, deleteCount, edit.insert);
          assert.equal(single.length, expected.length);
        }
        assert.equal(single.toString(), expected);
        assert.equal(editor.finish().toString(), expected);
      }),
      { numRuns: 200 },
    );
  });

  test("does not change when a later version is made from it", () => {
    const before = Text.of("x".repeat(10_000));
    const after = before.splice(5000, 100, "y");
    assert.equal(before.toString(), "x".repeat(10_000));
    assert.equal(after.length, 9_901);
  });

  test("from parts of any size is their sum, and can be edited", () => {
    const text = Text.ofParts(["", "a".repeat(70_000), "", "b"]);
    assert.equal(text.splice(70_000, 0, "!").toString(), `${"a".repeat(70_000)}!b`);
  });

  test("refuses a splice outside of it", () => {
    for (const [index, count] of [[-1, 0], [0, 4], [4, 0]]) assert.throws(() => Text.of("abc").splice(index, count, ""), RangeError);
  });
});

describe("the minimal splice", () => {
  const string = fc.string({ unit: fc.constantFrom("a", "b", "😀", "😁", "ü", "🏴"), maxLength: 12 });

  test("leads from one string to the other, and leaves surrogate pairs whole", () => {
    fc.assert(
      fc.property(string, string, (before, after) => {
        const splice = minimalSplice(before, after);
        if (splice === undefined) {
          assert.equal(before, after);
          return;
        }
        assert.equal(before.slice(0, splice.index) + splice.insert + before.slice(splice.index + splice.delete), after);
        assert.ok(splice.insert.isWellFormed(), `insert ${JSON.stringify(splice.insert)}`);
        assert.ok(before.slice(0, splice.index).isWellFormed(), "the place is not inside a pair");
        assert.ok(before.slice(splice.index, splice.index + splice.delete).isWellFormed(), "what goes is whole");
      }),
      { numRuns: 3000 },
    );
  });

  test("is as short as common beginnings and ends allow", () => {
    assert.deepEqual(minimalSplice("hello world", "hello brave world"), { index: 6, delete: 0, insert: "brave " });
    assert.deepEqual(minimalSplice("aaa", "aa"), { index: 2, delete: 1, insert: "" });
  });
});
