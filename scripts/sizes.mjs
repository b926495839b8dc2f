// What a first load weighs (raw, gzip, brotli), against scripts/budgets.json. Called by build.mjs and the suite `lint`; `node scripts/sizes.mjs` shows the table alone.
//
// A budget counts `files` as they are, and of `bundles` what a bundler makes of the module and all that it imports statically, minified.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { CACHE, ROOT } from "./lib/paths.mjs";
import { main } from "./lib/run.mjs";
import { table } from "./lib/table.mjs";

const SIZES = path.join(CACHE, "sizes");

/** Raw, gzip 9 and brotli 11 sizes. Kept by content: brotli 11 takes seconds for a megabyte. */
function measure(content) {
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

/** What a page loads at once of a module: it and its static imports, bundled and minified. What is imported lazily is not a part of a first load. */
async function bundle(entry) {
  const { build } = await import("esbuild");
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    outdir: "bundle",
    bundle: true,
    splitting: true,
    format: "esm",
    minify: true,
    legalComments: "none",
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  const loaded = new Set();
  const load = (file) => {
    if (loaded.has(file)) return;
    loaded.add(file);
    for (const { path: imported, kind } of metafile.outputs[file].imports) if (kind === "import-statement") load(imported);
  };
  load(Object.keys(metafile.outputs).find((file) => metafile.outputs[file].entryPoint === entry));
  return Buffer.concat(outputFiles.filter((file) => loaded.has(path.relative(ROOT, file.path))).map((file) => file.contents));
}

/** The sizes of every budget in scripts/budgets.json, as data. */
export async function readSizes() {
  const budgets = JSON.parse(readFileSync(path.join(ROOT, "scripts", "budgets.json"), "utf8"));
  return Promise.all(
    budgets.map(async ({ name, files, bundles, maxBrotliBytes }) => {
      const missing = [...files, ...bundles].filter((file) => !existsSync(path.join(ROOT, file)));
      const there = (file) => !missing.includes(file);
      const measured = [
        ...files.filter(there).map((file) => ({ file, ...measure(readFileSync(path.join(ROOT, file))) })),
        ...(await Promise.all(bundles.filter(there).map(async (file) => ({ file: `${file} (bundled)`, ...measure(await bundle(file)) })))),
      ];
      const total = (key) => measured.reduce((sum, sizes) => sum + sizes[key], 0);
      return { name, maxBrotliBytes, missing, files: measured, total: { raw: total("raw"), gzip: total("gzip"), brotli: total("brotli") } };
    }),
  );
}

/** Prints the table; false when a budget is broken or a file that it names is not there. */
export async function checkSizes() {
  let fits = true;
  for (const { name, maxBrotliBytes, missing, files, total } of await readSizes()) {
    const rows = files.map(({ file, raw, gzip, brotli }) => [file, kilobytes(raw), kilobytes(gzip), kilobytes(brotli)]);
    rows.push([`${name}: together`, kilobytes(total.raw), kilobytes(total.gzip), kilobytes(total.brotli)]);
    process.stdout.write(`\n${table(["KB of 1000 bytes", "raw", "gzip 9", "brotli 11"], rows)}\n`);
    for (const file of missing) process.stdout.write(`${name}: there is no ${file}\n`);
    if (total.brotli > maxBrotliBytes) process.stdout.write(`${name}: over its budget of ${kilobytes(maxBrotliBytes)} KB brotli\n`);
    fits &&= missing.length === 0 && total.brotli <= maxBrotliBytes;
  }
  return fits;
}

function kilobytes(bytes) {
  return (bytes / 1000).toFixed(1);
}

if (process.argv[1] === import.meta.filename) await main(async () => ((await checkSizes()) ? 0 : 1));
