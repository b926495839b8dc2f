import assert from "node:assert/strict";
import { test } from "node:test";
import { classHighlighter, highlightTree } from "@lezer/highlight";
import { markdown } from "../src/editor/bounded.js";

function depthOf(text: string): number {
  const tree = markdown.parser.parse(text);
  // What the editor does with it, and what overflowed the stack.
  highlightTree(tree, classHighlighter, () => undefined);
  let depth = 0;
  let deepest = 0;
  tree.iterate({ enter: () => void (deepest = Math.max(deepest, ++depth)), leave: () => void depth-- });
  return deepest;
}

const DEEP: Record<string, string> = {
  quotes: `${">".repeat(50_000)} deep\n`,
  "lists in lists": `${"- ".repeat(50_000)}deep\n`,
  "quotes that go on": `${">".repeat(5_000)} deep\n`.repeat(20),
  stars: `${"*".repeat(50_000)}deep${"*".repeat(50_000)}\n`,
  "emphasis in emphasis": `${"*a ".repeat(20_000)}${"a* ".repeat(20_000)}\n`,
  "emphasis of both kinds": `${"*a _b ".repeat(10_000)}${"b_ a* ".repeat(10_000)}\n`,
  "images in images": `${"![".repeat(20_000)}a${"](b)".repeat(20_000)}\n`,
  brackets: `${"[".repeat(50_000)}\n`,
};

for (const [name, text] of Object.entries(DEEP)) {
  test(`the editor's syntax tree stays shallow: ${name}`, () => {
    assert.ok(depthOf(text) < 2_500, `${depthOf(text)} deep`);
  });
}

test("what a person nests is read as Markdown", () => {
  const tree = markdown.parser.parse("> > - *a **b** c*\n>   - ![x](y)\n").toString();
  for (const name of ["Blockquote", "BulletList", "Emphasis", "StrongEmphasis", "Image"]) assert.ok(tree.includes(name), `${name}: ${tree}`);
});
