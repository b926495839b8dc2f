// Builds dist/ from src/, src/gen (buf generate) and wasm-out/ (the modules and the glue). Called by the root's build; run it alone with `npm run build -w pkg`.
import { execFileSync } from "node:child_process";
import { copyFile, cp, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { gzipSync, constants } from "node:zlib";
import * as esbuild from "esbuild";

const PKG = path.dirname(import.meta.dirname);
const ROOT = path.dirname(PKG);
const SRC = path.join(PKG, "src");
const DIST = path.join(PKG, "dist");
/** Built here and put in place at the end, in one step: whoever uses dist/ meanwhile has the old one or the new one. */
const STAGING = path.join(ROOT, "node_modules", ".avatar-build", `pkg-dist-${process.pid}`);
const WASM_OUT = path.join(PKG, "wasm-out");
/** Serves WebRTC to the worker: the part of the crate `webrtc` that is JavaScript. */
const WINDOW_SHIM = path.join(ROOT, "webrtc", "shim", "window-shim.js");
const BUILD_SECTION = "avatar:build";
const TARGET = "es2022";

const inDist = (...parts) => path.join(STAGING, ...parts);

/** What the Rust builds left, or one clear sentence. */
async function wasmOut() {
  try {
    const files = ["meta_unit.wasm", "avatar_web_bg.wasm", "avatar_web.js", "avatar_p2p_bg.wasm", "avatar_p2p.js"];
    const [metaUnit, avatarWeb, webGlue, avatarP2p, p2pGlue] = await Promise.all(files.map((name) => readFile(path.join(WASM_OUT, name))));
    return { metaUnit, avatarWeb, avatarP2p, glue: { "avatar_web.js": webGlue, "avatar_p2p.js": p2pGlue } };
  } catch (error) {
    throw new Error(`${path.relative(ROOT, error.path ?? WASM_OUT)} is missing: run \`npm run build\` in the root once, which builds the WebAssembly.`, { cause: error });
  }
}

/** The build id of a module, in hex. */
async function buildIdOf(name, wasm) {
  const [section] = WebAssembly.Module.customSections(await WebAssembly.compile(wasm), BUILD_SECTION);
  if (section === undefined) throw new Error(`${name} has no section ${BUILD_SECTION}.`);
  return Buffer.from(section).toString("hex");
}

async function typescript() {
  const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  execFileSync(process.execPath, [tsc, "-p", path.join(PKG, "tsconfig.json"), "--outDir", STAGING], { stdio: "inherit" });
  for (const file of ["host/avatar_web.d.ts", "host/avatar_p2p.d.ts", "host/window_shim.d.ts", "inline/meta_unit.d.ts", "inline/avatar_web.d.ts", "inline/avatar_p2p.d.ts", "inline/worker.d.ts"]) await cp(path.join(SRC, file), inDist(file));
}

/** Source maps name their sources as seen from the staging folder; from dist/ these are two levels nearer, and not in another folder. */
async function correctSourceMaps() {
  for (const file of await readdir(STAGING, { recursive: true })) {
    if (!file.endsWith(".js.map")) continue;
    const map = await readFile(inDist(file), "utf8");
    await writeFile(inDist(file), map.replace(/"\.\.\/\.\.\/((?:\.\.\/)+)pkg\/src\//, '"$1src/'));
  }
}

/** A module that is nothing but a text, for dynamic imports. */
async function textModule(file, comment, text) {
  await writeFile(inDist("inline", file), `// ${comment}\nexport default ${JSON.stringify(text)};\n`);
}

/** The first characters are what packaging tests look for: see src/load/inline.ts. */
function inlineText(name, wasm) {
  return `inline-wasm:${name};${gzipSync(wasm, { level: constants.Z_BEST_COMPRESSION }).toString("base64")}`;
}

async function webAssembly({ metaUnit, avatarWeb, avatarP2p, glue }) {
  const modules = { meta_unit: ["meta_unit.wasm", metaUnit], avatar_web: ["avatar_web_bg.wasm", avatarWeb], avatar_p2p: ["avatar_p2p_bg.wasm", avatarP2p] };
  await mkdir(inDist("inline"), { recursive: true });
  let buildIds = "/** Written by the build: the builds that belong to this package. */\n";
  for (const [name, [file, wasm]] of Object.entries(modules)) {
    await writeFile(inDist(file), wasm);
    await textModule(`${name}.js`, `${file}, for bundlers that do not copy files.`, inlineText(name, wasm));
    buildIds += `export const ${name.toUpperCase()}_BUILD_ID = "${await buildIdOf(file, wasm)}";\n`;
  }
  await copyFile(WINDOW_SHIM, inDist("host", "window_shim.js"));
  for (const [file, source] of Object.entries(glue)) await writeFile(inDist("host", file), source);
  await writeFile(inDist("build_ids.js"), buildIds);
  await rm(inDist("build_ids.js.map"), { force: true });
}

/** One self-contained file: bundlers and servers take it as it is. */
async function worker() {
  const { outputFiles } = await esbuild.build({ entryPoints: [inDist("host", "worker.js")], bundle: true, format: "esm", target: TARGET, minify: true, legalComments: "none", write: false });
  const source = outputFiles[0].text;
  await writeFile(inDist("worker.js"), source);
  await textModule("worker.js", "worker.js, for bundlers that do not copy files.", source);
}

/** For `require`: one file in CommonJS. The inlined modules stay beside it. */
async function commonJs() {
  await esbuild.build({
    entryPoints: [inDist("node.js")],
    outfile: inDist("node.cjs"),
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "node20",
    external: ["@bufbuild/protobuf", "@bufbuild/protobuf/*", "./inline/*"],
    define: { "import.meta.url": "importMetaUrl" },
    banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
    logLevel: "warning",
  });
  await copyFile(path.join(SRC, "node.d.cts.txt"), inDist("node.d.cts"));
}

async function main() {
  const built = await wasmOut();
  await typescript();
  await correctSourceMaps();
  await webAssembly(built);
  await worker();
  await commonJs();
  await rm(DIST, { recursive: true, force: true });
  await rename(STAGING, DIST);
  for (const licence of ["LICENSE-MIT", "LICENSE-APACHE"]) await copyFile(path.join(ROOT, licence), path.join(PKG, licence));
}

try {
  await main();
} catch (error) {
  await rm(STAGING, { recursive: true, force: true });
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
