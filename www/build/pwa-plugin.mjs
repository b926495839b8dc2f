// What makes the built app installable and offline: static files, the build id, and the service worker with the list of what it keeps.
import { createHash } from "node:crypto";
import { cpSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { injectManifest } from "workbox-build";

const BUILD_PLACEHOLDER = "__AVATAR_BUILD__";
const RELAY_ORIGINS_PLACEHOLDER = "__AVATAR_RELAY_ORIGINS__";
/** Not for offline use: maps are for developers, and the package's inlined WebAssembly only helps where no file can be served beside the script. */
const NOT_OFFLINE = ["**/*.map", "**/*inline*"];
/** No file of the app may be larger; the biggest is meta_unit.wasm. */
const MAX_FILE_BYTES = 8 * 1024 * 1024;

/** Runs after each emit of webpack. */
export class PwaPlugin {
  #options;

  /** `assets`: a folder that is copied as it is; `serviceWorker`: the TypeScript source; `relayOrigins`: where the page may connect to beside its own server, as a policy names it. */
  constructor(options) {
    this.#options = options;
  }

  apply(compiler) {
    compiler.hooks.afterEmit.tapPromise("PwaPlugin", async (compilation) => {
      if (compilation.errors.length > 0) return;
      const dist = compilation.outputOptions.path;
      cpSync(this.#options.assets, dist, { recursive: true });
      const page = path.join(dist, "index.html");
      const fill = (placeholder, text) => writeFileSync(page, readFileSync(page, "utf8").replaceAll(placeholder, text));
      fill(RELAY_ORIGINS_PLACEHOLDER, this.#options.relayOrigins);
      const id = buildId(dist);
      fill(BUILD_PLACEHOLDER, id);
      await this.#serviceWorker(dist, id);
    });
    compiler.hooks.afterCompile.tap("PwaPlugin", (compilation) => {
      compilation.contextDependencies.add(this.#options.assets);
      compilation.fileDependencies.add(this.#options.serviceWorker);
    });
  }

  async #serviceWorker(dist, id) {
    const target = path.join(dist, "service-worker.js");
    await build({
      entryPoints: [this.#options.serviceWorker],
      outfile: target,
      bundle: true,
      minify: true,
      format: "iife",
      target: "es2022",
      define: { __BUILD__: JSON.stringify(id), "process.env.NODE_ENV": '"production"' },
    });
    const { warnings } = await injectManifest({
      swSrc: target,
      swDest: target,
      globDirectory: dist,
      globPatterns: ["**/*.{html,js,css,wasm,svg,png,webmanifest}"],
      globIgnores: [...NOT_OFFLINE, "service-worker.js"],
      maximumFileSizeToCacheInBytes: MAX_FILE_BYTES,
      // A name with a content hash never means another file.
      dontCacheBustURLsMatching: /\.[0-9a-f]{16,}\./,
      // Each file is checked when it is fetched: a server in the middle of a deployment cannot mix two builds.
      manifestTransforms: [(entries) => ({ manifest: entries.map((entry) => ({ ...entry, integrity: integrity(path.join(dist, entry.url)) })), warnings: [] })],
    });
    if (warnings.length > 0) throw new Error(`The list of offline files is not complete: ${warnings.join("; ")}`);
  }
}

/** Names the build: the same files give the same id, on any machine. Taken before the id itself is written. */
function buildId(dist) {
  const hash = createHash("sha256");
  for (const file of readdirSync(dist, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".map"))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()) {
    hash.update(path.relative(dist, file)).update("\0").update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex").slice(0, 32);
}

function integrity(file) {
  return `sha384-${createHash("sha384").update(readFileSync(file)).digest("base64")}`;
}
