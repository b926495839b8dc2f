/**
 * What belongs to the package, as a browser finds it. Bundlers know these expressions and copy the files; they must stay as they are, literally.
 *
 * @module
 */
import type { WasmAssets } from "./load/load.js";

/** The modules. */
export const browserAssets: WasmAssets = {
  metaUnit: {
    file: () => new URL("./meta_unit.wasm", import.meta.url),
    inline: () => import("./inline/meta_unit.js"),
  },
  avatarWeb: {
    file: () => new URL("./avatar_web_bg.wasm", import.meta.url),
    inline: () => import("./inline/avatar_web.js"),
  },
  avatarP2p: {
    file: () => new URL("./avatar_p2p_bg.wasm", import.meta.url),
    inline: () => import("./inline/avatar_p2p.js"),
  },
};

/** Starts the worker from its file. */
export function workerFromFile(): Worker {
  return new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
}

/** The worker's source, for bundlers that do not copy the file. */
export async function workerSource(): Promise<string> {
  return (await import("./inline/worker.js")).default;
}
