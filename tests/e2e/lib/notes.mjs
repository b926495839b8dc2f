// Real Markdown files to import: those that came with the packages which are installed anyway.
import { copyFile, mkdir, readFile, readdir, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { NODE_MODULES } from "./paths.mjs";

const WANTED = /^(readme|changelog)\.md$/i;

/** Paths of every README.md and CHANGELOG.md below node_modules, sorted. */
export async function markdownBelowNodeModules() {
  const found = [];
  const look = async (folder) => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      // Links lead to the workspaces, which have node_modules of their own.
      if (entry.isDirectory()) await look(path);
      else if (entry.isFile() && WANTED.test(entry.name)) found.push(path);
    }
  };
  await look(NODE_MODULES);
  return found.sort();
}

/** Copies the files into `folder`, under their paths below node_modules. Gives [{ path, bytes }]. */
export async function copyNotes(files, folder) {
  const notes = [];
  for (const file of files) {
    const path = relative(NODE_MODULES, file);
    const target = join(folder, path);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(file, target);
    notes.push({ path, bytes: await readFile(file) });
  }
  return notes;
}

/** Copies up to `count` of the files, none over `maxBytes`, flat, each under a name of its own. Gives [{ path, file, bytes }]. */
export async function copyNotesFlat(files, folder, { count, maxBytes = 50_000 }) {
  const notes = [];
  for (const file of files) {
    if (notes.length === count) break;
    if ((await stat(file)).size > maxBytes) continue;
    const path = relative(NODE_MODULES, file).replaceAll(/[/\\@]+/g, "-").replace(/^-/, "");
    await copyFile(file, join(folder, path));
    notes.push({ path, file: join(folder, path), bytes: await readFile(file) });
  }
  return notes;
}

/** What is different between two collections of texts by path, in a line each: a failure names the files and does not print books. */
export function differences(actual, expected) {
  const [now, then] = [new Map(actual), new Map(expected)];
  const lines = [];
  for (const [path, text] of then) {
    const found = now.get(path);
    if (found === undefined) lines.push(`${path} is missing`);
    else if (found !== text) {
      const at = [...text].findIndex((_, n) => text[n] !== found[n]);
      const place = at < 0 ? Math.min(text.length, found.length) : at;
      const around = (whole) => JSON.stringify(whole.slice(Math.max(0, place - 20), place + 40));
      lines.push(`${path} differs at ${place} of ${text.length}: ${around(found)} instead of ${around(text)}`);
    }
  }
  for (const path of now.keys()) if (!then.has(path)) lines.push(`${path} is not expected`);
  return lines;
}
