// What a first load weighs (raw, gzip, brotli), against scripts/budgets.json. Called by build.mjs; `node scripts/sizes.mjs` shows the table alone.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { CACHE, ROOT } from "./lib/paths.mjs";
import { main } from "./lib/run.mjs";
import { table } from "./lib/table.mjs";

const SIZES = path.join(CACHE, "sizes");

/** Raw, gzip 9 and brotli 11 sizes of a file. Kept by content: brotli 11 takes seconds for a megabyte. */
function measure(file) {
  const content = readFileSync(file);
  const known = path.join(SIZES, createHash("sha256").update(content).digest("hex"));
  if (existsSync(known)) return JSON.parse(readFileSync(known, "utf8"));
  const sizes = {
    raw: content.length,
    gzip: gzipSync(content, { level: 9 }).length,
    brotli: brotliCompressSync(content, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: content.length },
    }).length,
  };
  mkdirSync(SIZES, { recursive: true });
  writeFileSync(known, JSON.stringify(sizes));
  return sizes;
}

/** The files of a budget entry; a name may hold one `*`, for what a bundler hashes. */
function matching(pattern) {
  const dir = path.join(ROOT, path.dirname(pattern));
  const [before, after] = path.basename(pattern).split("*");
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .filter((name) => (after === undefined ? name === before : name.startsWith(before) && name.endsWith(after)))
    .map((name) => path.join(path.dirname(pattern), name));
}

/** Sizes of every budget in scripts/budgets.json, as data: for the bench. */
export function readSizes() {
  const budgets = JSON.parse(readFileSync(path.join(ROOT, "scripts", "budgets.json"), "utf8"));
  return budgets.map(({ name, files, maxBrotliBytes }) => {
    const missing = files.filter((pattern) => matching(pattern).length === 0);
    const measured = files.flatMap(matching).map((file) => ({ file, ...measure(path.join(ROOT, file)) }));
    const total = (key) => measured.reduce((sum, sizes) => sum + sizes[key], 0);
    return { name, maxBrotliBytes, missing, files: measured, total: { raw: total("raw"), gzip: total("gzip"), brotli: total("brotli") } };
  });
}

/** Prints the table; false when a budget is broken or a file that it names is not there. */
export function checkSizes() {
  let fits = true;
  for (const { name, maxBrotliBytes, missing, files, total } of readSizes()) {
    const rows = files.map(({ file, raw, gzip, brotli }) => [file, kilobytes(raw), kilobytes(gzip), kilobytes(brotli)]);
    rows.push([`${name}: together`, kilobytes(total.raw), kilobytes(total.gzip), kilobytes(total.brotli)]);
    process.stdout.write(`\n${table(["KB of 1000 bytes", "raw", "gzip 9", "brotli 11"], rows)}\n`);
    for (const pattern of missing) process.stdout.write(`${name}: there is no ${pattern}\n`);
    if (total.brotli > maxBrotliBytes) process.stdout.write(`${name}: over its budget of ${kilobytes(maxBrotliBytes)} KB brotli\n`);
    fits &&= missing.length === 0 && total.brotli <= maxBrotliBytes;
  }
  return fits;
}

function kilobytes(bytes) {
  return (bytes / 1000).toFixed(1);
}

if (process.argv[1] === import.meta.filename) await main(() => (checkSizes() ? 0 : 1));
