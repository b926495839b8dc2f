/**
 * What this package uses of the generated glue of avatar-web/p2p; the build puts the glue here.
 *
 * @module
 */

/** Instantiates avatar_p2p_bg.wasm. Idempotent. */
export default function init(options: { module_or_path: WebAssembly.Module }): Promise<unknown>;

/** What starts a swarm. Its instances are specified in avatar-web/p2p/src/js.rs; avatar-web calls them. */
export const P2p: { start(secret: Uint8Array, agent: string): unknown };
