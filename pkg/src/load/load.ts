/**
 * Finds and compiles the modules without configuration: the file beside the package first, then the inlined copy.
 *
 * @module
 */
import { AVATAR_P2P_BUILD_ID, AVATAR_WEB_BUILD_ID, META_UNIT_BUILD_ID } from "../build_ids.js";
import { AvatarLoadError } from "../errors.js";
import { compileBytes, compileSource, type WasmName, type WasmSource } from "./compile.js";
import { inlineBytes } from "./inline.js";

/** Where an environment (browser, Node) finds a module. */
export interface WasmAsset {
  /** The file beside the package: its URL, or its bytes. */
  file(): WasmSource | Promise<WasmSource>;
  inline(): Promise<{ default: string }>;
}

/** What an environment finds of the package. */
export interface WasmAssets {
  readonly metaUnit: WasmAsset;
  readonly avatarWeb: WasmAsset;
  /** libp2p, which is no part of a start: it is loaded when the first peer is wanted. */
  readonly avatarP2p: WasmAsset;
}

/** The compiled modules that a host starts with. */
export interface WasmModules {
  metaUnit: WebAssembly.Module;
  avatarWeb: WebAssembly.Module;
}

/** Both modules, at once. `metaUnit`: what the application gives instead of ours. @throws AvatarLoadError */
export async function loadModules(assets: WasmAssets, metaUnit: WasmSource | undefined): Promise<WasmModules> {
  const [metaUnitModule, avatarWeb] = await Promise.all([
    metaUnit === undefined ? load("meta_unit", assets.metaUnit, META_UNIT_BUILD_ID) : compileSource("meta_unit", metaUnit, META_UNIT_BUILD_ID),
    load("avatar_web", assets.avatarWeb, AVATAR_WEB_BUILD_ID),
  ]);
  return { metaUnit: metaUnitModule, avatarWeb };
}

/** The module of libp2p. @throws AvatarLoadError */
export function loadP2p(assets: WasmAssets): Promise<WebAssembly.Module> {
  return load("avatar_p2p", assets.avatarP2p, AVATAR_P2P_BUILD_ID);
}

async function load(name: WasmName, asset: WasmAsset, buildId: string): Promise<WebAssembly.Module> {
  let first: unknown;
  try {
    return await compileSource(name, await asset.file(), buildId);
  } catch (error) {
    // Where WebAssembly is forbidden, another copy is too.
    if (error instanceof AvatarLoadError && (error.code === "CSP_BLOCKED" || error.code === "NO_WEBASSEMBLY")) throw error;
    first = error;
  }
  try {
    return await compileSource(name, await compileBytes(name, await inlineBytes(name, asset.inline)), buildId);
  } catch (error) {
    if (error instanceof AvatarLoadError && error.code === "CSP_BLOCKED") throw error;
    const { code, message } = first instanceof AvatarLoadError ? first : new AvatarLoadError("NOT_FOUND", String(first));
    throw new AvatarLoadError(code, `${message} The inlined copy did not help: ${error instanceof Error ? error.message : String(error)}`, { cause: first });
  }
}
