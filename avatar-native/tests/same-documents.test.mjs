// `avatar import` makes the documents that the app's import makes: real files, and files written to be difficult, against the app's own code.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { deriveFields } from "../../www/src/markdown/derive.ts";
import { decodeFile } from "../../www/src/markdown/encoding.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const AVATAR = process.env.AVATAR_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "avatar-native/target"), "debug/avatar");
const WASM = process.env.AVATAR_WASM ?? join(root, "pkg/dist/meta_unit.wasm");
const run = promisify(execFile);

/** Files that real folders have too few of. */
const DIFFICULT = {
  "empty.md": "",
  "spaces.md": " \n\t\n",
  "front.md": "---\ntitle: 'A day'\ntags: [One, two three, 2024, true, null, 1.50]\naliases: Day, The day\n---\n# Other\n\nWords #inline #1 a#b #Ünï/code-x",
  "numbers.md": "---\ntitle: 012\ntag: 0x1F\nalias: [0o17, -0, 1e21, 1e-7, .5, +3, .inf, 12345678901234567890]\n---\ntext",
  "mark.md": "\uFEFF---\r\ntitle: With a mark\r\n...\r\n\r\nText\r\n",
  "unclosed.md": "---\ntitle: never closed\n",
  "twice.md": "---\na: 1\na: 2\n---\n# T",
  "list.md": "---\n- a\n---\n# T",
  "bad.md": "---\ntitle: [a\n---\n# T",
  "nested.md": "---\na: {b: [c, {d: e}]}\ntitle: &x Anchored\nalias: *x\ntags:\n  - !!str 12\n  - \"q\\u0041\"\n  - |\n    block\n---\nx",
  "line.md": "---\n\nText\n---\na: b\n---\n",
  "setext.md": "Title *of* `it`\n=====\n\nText",
  "late.md": "text\n\n# A heading ## \n\nmore",
  "hash.md": "# #\n\n## Two\n",
  "image.md": "# ![](x.png)\n\n# Second",
  "code.md": "```js\n# no heading #notag [[nolink]]\n```\n~~~\n```\n~~~\n`#no` ``[[no]] ` `` #yes <!-- #no\n[[no]] --> [[Yes|shown]] [[A#B]]\n``open\n\n#two`",
  "links.md": "[a](b.md) [c](../d.MD#x) [e](</f g.md>) [h](/i%20j.md?q) [k](http://x/y.md) [l](m.txt) [n](%zz.md) [o](p.md 'title') ![q](r.md) [[../s/t]] [[u.md]] [[]] [[ v ]]",
  "emoji.md": `# ${"😀".repeat(150)}\n\n${"😁a".repeat(200)} #😀 #tag😀 #𝒜bc`,
  "odd-emoji.md": `# x${"😀".repeat(150)}\n\nx${"😁".repeat(3000)}`,
  "long.md": `# ${"word ".repeat(80)}\n\n${Array.from({ length: 90 }, (_, n) => `#t${n} [[l${n}]]`).join(" ")}`,
  "marks.md": "# **Bold** _it_ ~~no~~ &amp; &lt;b&gt; \\* [x](y) [z][w] <br> `c`\n\n> quote\n> more\n\n- [ ] item\n1. one\n\n| a | b |\n|---|---|\n\n***\n[w]: http://x",
  "accents.md": "# Éa\u0301 Straße ΑΣ İ ﬁ \u00a0x\u2003y\n\n[[Ée\u0301 Name]] #É #e\u0301x",
  "inside/A B.markdown": "no title here [up](../front.md) [side](./c.md)",
  "inside/deep/notes.txt": "text\twith tabs",
  "western.md": Buffer.from("# caf\xe9 \x80 \x81", "latin1"),
  "utf16.md": Buffer.from("\uFEFF# Sixteen 😀\n", "utf16le"),
  "html.md": "<h1 align=center>Not a title</h1>\n<!-- open\n# in comment",
  "tabs.md": "#\tTabbed\t#\n\n    # code\n",
  "cr.md": "# One\rTwo\r\n\r\n#\u2028x",
};

async function corpus(folder) {
  const modules = join(root, "node_modules");
  const look = async (at) => {
    for (const entry of await readdir(at, { withFileTypes: true })) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) await look(path);
      else if (entry.isFile() && /^(readme|changelog)\.md$/i.test(entry.name)) await put(folder, join("modules", relative(modules, path)), await readFile(path));
    }
  };
  await look(modules);
}

async function put(folder, path, content) {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), content);
}

/** The content that the app's import gives a file (www/src/import/run.ts). */
function appContent(bytes, path) {
  const { text, encoding } = decodeFile(bytes);
  const imported = createHash("sha256").update(bytes).digest("hex").slice(0, 32);
  const content = { body: text, path, ...deriveFields(text, path), imported, ...(encoding === undefined ? {} : { encoding }) };
  // Strings leave a browser as UTF-8: half a character becomes U+FFFD.
  const wellFormed = (value) => (Array.isArray(value) ? value.map(wellFormed) : value.toWellFormed());
  return Object.fromEntries(Object.entries(content).map(([name, value]) => [name, wellFormed(value)]));
}

test("avatar import makes the same documents as the app's import", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "avatar-same-"));
  t.after(() => rm(folder, { recursive: true }));
  const notes = join(folder, "notes");
  for (const [path, content] of Object.entries(DIFFICULT)) await put(notes, path, content);
  await corpus(notes);
  const common = ["--json", "--dir", join(folder, "node"), "--wasm", WASM];
  const node = spawn(AVATAR, [...common, "run"], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => node.kill());
  await createInterface(node.stdout)[Symbol.asyncIterator]().next();
  const avatar = async (...args) => JSON.parse((await run(AVATAR, [...common, ...args], { maxBuffer: 1 << 28 })).stdout);

  const { imported, refused } = await avatar("import", notes);
  const files = (await readdir(notes, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  assert.deepEqual({ imported, refused }, { imported: files.length, refused: 0 });
  const rows = await avatar("docs", "list", "--type", "note");
  assert.equal(rows.length, files.length);
  const found = new Map();
  for (const { id } of rows) {
    const { value } = await avatar("docs", "get", id);
    found.set(value.path, value);
  }
  const different = [];
  for (const entry of files) {
    const file = join(entry.parentPath ?? entry.path, entry.name);
    const path = `${basename(notes)}/${relative(notes, file)}`;
    const expected = appContent(await readFile(file), path);
    const actual = found.get(path);
    for (const name of new Set([...Object.keys(expected), ...Object.keys(actual ?? {})])) {
      const [a, b] = [JSON.stringify(actual?.[name]), JSON.stringify(expected[name])];
      if (a !== b) different.push(`${path}: ${name} is ${a?.slice(0, 300)} and not ${b?.slice(0, 300)}`);
    }
  }
  t.diagnostic(`${files.length} files`);
  assert.deepEqual(different, []);
});
