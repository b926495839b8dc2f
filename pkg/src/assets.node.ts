/**
 * What belongs to the package, as Node finds it: files beside this one.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import type { WasmAssets } from "./load/load.js";

/** The modules. */
export const nodeAssets: WasmAssets = {
  metaUnit: {
    file: () => readFile(new URL("./meta_unit.wasm", import.meta.url)),
    inline: () => import("./inline/meta_unit.js"),
  },
  avatarWeb: {
    file: () => readFile(new URL("./avatar_web_bg.wasm", import.meta.url)),
    inline: () => import("./inline/avatar_web.js"),
  },
  avatarP2p: {
    file: () => readFile(new URL("./avatar_p2p_bg.wasm", import.meta.url)),
    inline: () => import("./inline/avatar_p2p.js"),
  },
};
