/**
 * The builds that belong to this package. The build script replaces this file's output with the ids of the modules that it ships;
 * what stands here is what a package without modules would need.
 *
 * @module
 */

/** `avatar:build` of meta_unit.wasm, in hex. */
export const META_UNIT_BUILD_ID: string = "";
/** `avatar:build` of avatar_web_bg.wasm, in hex. */
export const AVATAR_WEB_BUILD_ID: string = "";
/** `avatar:build` of avatar_p2p_bg.wasm, in hex. */
export const AVATAR_P2P_BUILD_ID: string = "";
