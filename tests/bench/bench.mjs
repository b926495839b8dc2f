// `npm run bench`: Avatar and its peers side by side in one Chromium. `-- --quick` is the short one; `--only writes,trace` asks only these questions.
// Prints a table; writes out/<time>.json. Ends with 1 when a promise is missed and `--strict` was given.
import { mkdir, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { table } from "../../scripts/lib/table.mjs";
import { readSizes } from "../../scripts/sizes.mjs";
import { skipWithout } from "../e2e/lib/engines/index.mjs";
import { chromium } from "../e2e/lib/engines/chromium.mjs";
import { missingData } from "../e2e/lib/paths.mjs";
import { serve } from "../e2e/lib/serve.mjs";
import { Stage } from "./lib/measure.mjs";
import { Report } from "./lib/report.mjs";
import { SITE, buildSite } from "./lib/site.mjs";
import * as questions from "./questions.mjs";
import { sync } from "./sync.mjs";

const { values: options } = parseArgs({
  options: { quick: { type: "boolean", default: false }, strict: { type: "boolean", default: false }, only: { type: "string" } },
});

/** Sizes of the two versions. The quick one asks the same of fewer documents and keystrokes. */
const FULL = {
  writes: { rounds: 5, documents: 1_000, batch: 20_000 },
  lists: [
    { rounds: 5, documents: 1_000, bar: 0.2 },
    { rounds: 3, documents: 10_000, bar: 0.03 },
  ],
  queries: { rounds: 50 },
  trace: { rounds: 1, limit: 259_778 },
  boundary: { count: 20_000, rounds: 9 },
  credentials: { rounds: 5, warmUpMs: 1_500, measureMs: 1_500 },
  sync: { rounds: 5, documents: 1_000, unchanged: 10_000, resyncs: 3 },
};
const QUICK = {
  writes: { rounds: 3, documents: 300, batch: 5_000 },
  lists: [{ rounds: 3, documents: 1_000, bar: 0.2 }],
  queries: { rounds: 20 },
  trace: { rounds: 1, limit: 30_000 },
  boundary: { count: 10_000, rounds: 5 },
  credentials: { rounds: 3, warmUpMs: 1_000, measureMs: 700 },
  sync: { rounds: 1, documents: 200, unchanged: 200, resyncs: 1 },
};

const plan = options.quick ? QUICK : FULL;
const wanted = (question) => !options.only || options.only.split(",").includes(question);

async function ask(report, stage) {
  if (wanted("writes")) await questions.writes(stage, report, plan.writes);
  if (wanted("lists")) {
    for (const list of plan.lists) {
      const name = await questions.lists(stage, report, list);
      if (list === plan.lists.at(-1)) await questions.queries(stage, report, { name, documents: list.documents, ...plan.queries });
    }
  }
  if (wanted("trace")) await questions.trace(stage, report, plan.trace);
  if (wanted("boundary")) await questions.boundary(stage, report, plan.boundary);
  if (wanted("credentials")) await questions.credentials(stage, report, plan.credentials);
  if (wanted("sync")) await sync(stage, report, plan.sync);
}

function sizeTable(sizes) {
  const kilobytes = (bytes) => (bytes / 1000).toFixed(1);
  const rows = sizes.flatMap(({ name, files, total }) => [...files, { file: `${name}: together`, ...total }]);
  return table(["KB of 1000 bytes", "raw", "gzip 9", "brotli 11"], rows.map(({ file, raw, gzip, brotli }) => [file, kilobytes(raw), kilobytes(gzip), kilobytes(brotli)]));
}

for (const reason of [await skipWithout(chromium), missingData("traces/automerge-paper.json.gz")]) {
  if (reason) {
    process.stderr.write(`The bench cannot run: ${reason}.\n`);
    process.exit(1);
  }
}

const report = new Report();
const sizes = await readSizes();
for (const { name, total, maxBrotliBytes } of sizes) report.bar(`${name}, brotli`, total.brotli / 1000, maxBrotliBytes / 1000, { unit: "KB" });

await buildSite(["raw-indexeddb", "automerge-repo", "automerge", "yjs", "loro", "digitalbazaar", "avatar", "core", "automerge-repo-sync", "avatar-sync"]);
const server = await serve({ "/": SITE }, { headers: { "cache-control": "public, max-age=600" } });
const stage = await Stage.open(server.url);
const browser = `Chromium ${stage.version()}`;
try {
  await ask(report, stage);
} finally {
  await stage.close();
  await server.close();
}

const folder = join(import.meta.dirname, "out");
await mkdir(folder, { recursive: true });
const file = join(folder, `${new Date().toISOString().replaceAll(":", "-")}${options.quick ? "-quick" : ""}.json`);
await writeFile(file, JSON.stringify({ browser, cpus: cpus().map((cpu) => cpu.model), quick: options.quick, measured: report.measured, bars: report.bars, sizes }, null, 2));

process.stdout.write(`\n${browser}, ${cpus().length} × ${cpus()[0].model}\n\n${report}\n\n${sizeTable(sizes)}\n\nwritten: ${file}\n`);
process.stdout.write(report.missed.length === 0 ? "Every promise is kept.\n" : `Missed: ${report.missed.map((bar) => bar.promise).join("; ")}.\n`);
if (options.strict && report.missed.length > 0) process.exitCode = 1;
