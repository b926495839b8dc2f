// Builds the pages of the bench: one page a contestant, each with its own bundle and nothing else.
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { build } from "esbuild";
import { PKG_DIST, SHARED_DATA } from "../../e2e/lib/paths.mjs";

const HERE = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

export const SITE = join(HERE, "out/site");

/** What an application that bundles the package puts beside its bundle. */
const BESIDE_THE_BUNDLE = ["meta_unit.wasm", "avatar_web_bg.wasm", "avatar_p2p_bg.wasm", "worker.js"];

const page = (contestant) => `<!doctype html><meta charset="utf-8"><title>${contestant}</title><body><script type="module" src="/${contestant}.js"></script>`;

/** Bundles the contestants into `SITE`. */
export async function buildSite(contestants) {
  await rm(SITE, { recursive: true, force: true });
  await mkdir(SITE, { recursive: true });
  await build({
    absWorkingDir: HERE,
    entryPoints: contestants.map((contestant) => `contestants/${contestant}.js`),
    outdir: SITE,
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    splitting: true,
    chunkNames: "chunk-[hash]",
    minify: true,
    logLevel: "error",
    define: { "process.env.NODE_ENV": '"production"' },
    // Loro's default entry wants a bundler that understands wasm; the same code with the bytes inside asks for nothing.
    alias: { "loro-crdt": "loro-crdt/base64" },
  });
  for (const contestant of contestants) {
    await writeFile(join(SITE, `${contestant}.html`), page(contestant));
  }
  await copyFile(require.resolve("@automerge/automerge/automerge.wasm"), join(SITE, "automerge.wasm"));
  for (const file of BESIDE_THE_BUNDLE) {
    if (existsSync(join(PKG_DIST, file))) await copyFile(join(PKG_DIST, file), join(SITE, file));
  }
  const trace = gunzipSync(await readFile(join(SHARED_DATA, "traces/automerge-paper.json.gz")));
  await writeFile(join(SITE, "trace.json"), trace);
}
