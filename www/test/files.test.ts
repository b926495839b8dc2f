import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeFile, encodeFile } from "../src/markdown/encoding";
import { cleanPath, exportPaths, fileNameFor, isNotePath } from "../src/markdown/paths";

const roundTrip = (bytes: Uint8Array): Uint8Array | undefined => {
  const decoded = decodeFile(bytes);
  return "refused" in decoded ? undefined : encodeFile(decoded.text, decoded.encoding);
};

test("any bytes that are text come back exactly", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    const back = roundTrip(bytes);
    if (back === undefined) assert.ok(bytes.includes(0));
    else assert.deepEqual(back, Uint8Array.from(bytes));
  }), { numRuns: 2_000 });
});

test("any text in UTF-8 and UTF-16, with and without a mark, comes back exactly", () => {
  const text = fc.string({ unit: "grapheme" }).map((value) => value.replaceAll("\0", ""));
  fc.assert(fc.property(text, fc.constantFrom("", "\uFEFF"), fc.constantFrom(undefined, "utf-16le" as const, "utf-16be" as const), (body, mark, encoding) => {
    const bytes = encodeFile((encoding ? "\uFEFF" : mark) + body, encoding);
    assert.deepEqual(roundTrip(bytes), bytes);
  }));
});

test("every byte of the old Western encoding has its character", () => {
  const bytes = Uint8Array.from({ length: 255 }, (_, index) => index + 1);
  const decoded = decodeFile(bytes);
  assert.ok("text" in decoded && decoded.encoding === "windows-1252");
  assert.equal(decoded.text.length, 255);
  assert.equal(decoded.text.slice(0x7f, 0x86), "€\u0081‚ƒ„…†");
  assert.equal(decoded.text.slice(-3), "ýþÿ");
  assert.deepEqual(encodeFile(decoded.text, decoded.encoding), bytes);
});

test("a character that the old encoding lacks makes the file UTF-8", () => {
  assert.deepEqual(encodeFile("é😀", "windows-1252"), new TextEncoder().encode("é😀"));
});

test("binary files are refused", () => {
  assert.deepEqual(decodeFile(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0)), { refused: "binary" });
});

test("imported notes keep their paths, and no two notes share one", () => {
  const paths = exportPaths([
    { path: "", title: "Read/me: now?" },
    { path: "a/README.md", title: "" },
    { path: "a/readme.md", title: "" },
    { path: "a/README.md", title: "" },
    { path: "", title: "Read me now" },
    { path: "", title: "" },
    { path: "no-ending", title: "" },
    { path: "no-ending", title: "" },
  ]);
  assert.deepEqual(paths, ["Read me now.md", "a/README.md", "a/readme 2.md", "a/README 3.md", "Read me now 2.md", "Untitled.md", "no-ending", "no-ending 2"]);
});

test("export paths are unique, relative and stay inside the folder", () => {
  const note = fc.record({ path: fc.oneof(fc.constant(""), fc.string(), fc.constantFrom("a.md", "A.md", "../a.md", "/etc/x.md", "a/../../b.md", "c:\\d.md")), title: fc.string() });
  fc.assert(fc.property(fc.array(note), (notes) => {
    const paths = exportPaths(notes);
    assert.equal(new Set(paths.map((path) => path.toLowerCase())).size, notes.length);
    for (const path of paths) {
      assert.ok(path !== "" && !path.startsWith("/"));
      assert.ok(!path.split("/").some((part) => part === ".." || part === "." || part === ""));
    }
  }));
});

test("file names of titles are allowed everywhere", () => {
  assert.equal(fileNameFor("CON"), "_CON.md");
  assert.equal(fileNameFor("  ..hidden: <x>|y?  "), "hidden x y.md");
  assert.equal(fileNameFor("///"), "Untitled.md");
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (title) => assert.doesNotMatch(fileNameFor(title), /[<>:"/\\|?*\u0000-\u001f]/)));
});

test("an import takes Markdown and text, not the folders of tools", () => {
  assert.ok(isNotePath("node_modules/x/README.md"));
  assert.ok(isNotePath("a.MARKDOWN"));
  assert.ok(!isNotePath(".git/x.md"));
  assert.ok(!isNotePath("pic.png"));
  assert.equal(cleanPath("./a//b/../c.md"), "a/b/c.md");
});
