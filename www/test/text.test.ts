import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { maskCode } from "../src/markdown/code-mask";
import { deriveFields, readText } from "../src/markdown/derive";
import { cutToBytes, foldName, foldText } from "../src/markdown/fold";
import { linkKeys, resolveMarkdownTarget, wikiLinks } from "../src/markdown/links";
import { plainText } from "../src/markdown/plain-text";
import { inlineTags, normaliseTag } from "../src/markdown/tags";

const tagsOf = (text: string): string[] => inlineTags(maskCode(text)).map((found) => found.tag);

test("the title is the front matter's, else the first heading, else the file's name, else what was typed", () => {
  assert.equal(deriveFields("---\ntitle: Front\n---\n# Heading", "a/file.md").title, "Front");
  assert.equal(deriveFields("intro\n\n# The *real* `title` [here](x) #\ntext", "a/file.md").title, "The real title here");
  assert.equal(deriveFields("Setext\n======\ntext", "a/file.md").title, "Setext");
  assert.equal(deriveFields("no heading", "a/My file.md").title, "My file");
  assert.equal(deriveFields("no heading", "", { title: "Typed" }).title, "Typed");
});

test("a heading inside code is no title", () => {
  assert.equal(deriveFields("```sh\n# comment\n```\n\n# Title", "").title, "Title");
});

test("tags are words behind #, not headings, numbers, anchors or code", () => {
  assert.deepEqual(tagsOf("#one, (#Two) #three/four #2024plan #été"), ["one", "two", "three/four", "2024plan", "été"]);
  assert.deepEqual(tagsOf("# heading\n#123 a#b `#code` http://x/#y &#39;"), []);
  assert.deepEqual(tagsOf("```\n#define X\n```\n~~~\n#no\n~~~\n#yes"), ["yes"]);
});

test("wiki links give target and label, without heading and alias, and not in code", () => {
  const found = wikiLinks(maskCode("[[Note]] [[Folder/Other#part|shown]] `[[ -f x ]]` ![[Pic]] [[#here]]"));
  assert.deepEqual(found.map((link) => [link.target, link.label]), [["Note", "Note"], ["Folder/Other", "shown"], ["Pic", "Pic"]]);
});

test("links to Markdown files count, resolved from the note's folder", () => {
  assert.deepEqual(linkKeys("[a](../b/C.md) [d](e%20f.md#x) [g](https://h/i.md) [[J]]", "a/note.md"), ["j", "b/c", "a/e f"]);
  assert.equal(resolveMarkdownTarget("/root.md", "deep/in/note.md"), "root");
  assert.equal(resolveMarkdownTarget("100%.md", ""), "100%");
});

test("code masks keep every position", () => {
  fc.assert(fc.property(fc.array(fc.constantFrom("`", "``", "```", "~~~", "\n", "\r\n", "a", "#t", " ", "<!--", "-->")), (parts) => {
    const text = parts.join("");
    const masked = maskCode(text);
    assert.equal(masked.length, text.length);
    assert.equal(masked.split("\n").length, text.split("\n").length);
  }));
});

test("an unclosed run of backticks hides nothing", () => {
  assert.deepEqual(tagsOf("a `b #c"), ["c"]);
  assert.deepEqual(tagsOf("a `b\n\n#c `d"), ["c"]);
});

test("a mask over many backticks is fast", () => {
  const started = performance.now();
  maskCode("`a ".repeat(40_000) + "``b ".repeat(40_000));
  assert.ok(performance.now() - started < 2_000);
});

test("plain text has the words and none of the signs", () => {
  assert.equal(plainText("## Head\n> quote **bold** _it_ ~~no~~ `c`\n- [x] done [l](u) ![i](p) [[T|shown]] [[U]]\n\n| a | b |\n|---|---|\n<br/> &amp; \\*"), "Head quote bold it no c done l i shown U | a | b | & *");
});

test("the words that filter and lists use are bounded", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), fc.string(), fc.array(fc.string()), (title, body, tags) => {
    const fields = deriveFields(body, "", { title, tags });
    assert.ok(new TextEncoder().encode(fields.find).length <= 256);
    assert.ok([...fields.excerpt].length <= 180);
    for (const tag of fields.tags) assert.equal(normaliseTag(tag), tag);
    assert.ok(fields.tags.length <= 64 && fields.links.length <= 256);
  }));
});

test("deriving twice changes nothing more", () => {
  fc.assert(fc.property(fc.string(), fc.string(), (body, title) => {
    const once = deriveFields(body, "", { title });
    assert.deepEqual(deriveFields(body, "", { title: once.title, tags: once.tags }), once);
  }));
});

test("tags that the text does not say stay when an application set them", () => {
  assert.deepEqual(deriveFields("text #a", "", { tags: ["b"] }).tags, ["a", "b"]);
});

test("folding: names keep accents, texts do not, both ignore case and width of spaces", () => {
  assert.equal(foldName("  Ré\tSUMÉ "), "ré sumé");
  assert.equal(foldText("RÉSUMÉ  Ñandú"), "resume nandu");
  assert.equal(foldText("हिन्दी"), "हिन्दी".normalize("NFC"));
});

test("cutting to bytes never cuts a character", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), fc.nat(40), (text, bytes) => {
    const cut = cutToBytes(text, bytes);
    assert.ok(text.startsWith(cut));
    assert.ok(new TextEncoder().encode(cut).length <= bytes);
    assert.ok(!/[\ud800-\udbff]$/.test(cut));
  }));
});

test("the first words leave front matter and title out", () => {
  assert.equal(readText("---\ntitle: T\n---\n# T\n\nFirst **words**.", "").excerpt, "First words.");
});
