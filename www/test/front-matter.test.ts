import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readFrontMatter } from "../src/markdown/front-matter";

test("title, tags and aliases are read, in block and flow style", () => {
  const block = readFrontMatter("---\ntitle: A day\ntags:\n  - One\n  - two three\naliases: [Day, The day]\n---\nText");
  assert.equal(block.title, "A day");
  assert.deepEqual(block.tags, ["One", "two", "three"]);
  assert.deepEqual(block.aliases, ["Day", "The day"]);
  assert.deepEqual(readFrontMatter("---\ntags: a, b\n---\n").tags, ["a", "b"]);
});

test("the text begins behind the block, with any line ending and a byte order mark", () => {
  for (const head of ["---\ntitle: x\n---\n", "---\r\ntitle: x\r\n---\r\n", "\uFEFF---\ntitle: x\n---\n", "---\ntitle: x\n...\n"]) {
    const read = readFrontMatter(`${head}body`);
    assert.equal(read.title, "x");
    assert.equal(read.end, head.length);
  }
});

test("dates and numbers as titles become text", () => {
  assert.equal(readFrontMatter("---\ntitle: 2024\n---\n").title, "2024");
  assert.equal(readFrontMatter("---\ntitle: 2024-02-01\n---\n").title, "2024-02-01");
});

test("a malformed block is reported, kept as text and never thrown over", () => {
  for (const text of ["---\ntitle: [a\n---\nx", "---\na: b: c\n---\n", "---\n- list\n---\n", "---\ntitle: never closed\n", "---\n&a [*a, *b]\n---\n"]) {
    const read = readFrontMatter(text);
    assert.ok(read.problem, text);
    assert.equal(read.end, 0, text);
  }
});

test("a line across the page is no front matter and no problem", () => {
  assert.equal(readFrontMatter("---\n\nText").problem, undefined);
  assert.equal(readFrontMatter("Text\n---\na: b\n---\n").end, 0);
});

test("an alias bomb is a problem, not a hang", () => {
  const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]"];
  for (let level = 0; level < 9; level++) bomb.push(`k${level}: &${String.fromCharCode(98 + level)} [${`*${String.fromCharCode(97 + level)},`.repeat(9)}]`);
  assert.ok(readFrontMatter(`---\n${bomb.join("\n")}\n---\n`).problem);
});

test("no text makes it throw, and the end is always inside the text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string(), (yaml, rest) => {
      const text = `---\n${yaml}\n---\n${rest}`;
      const read = readFrontMatter(text);
      assert.ok(read.end >= 0 && read.end <= text.length);
    }),
  );
});
