/**
 * What this package uses of the generated glue of avatar-web/p2p; the build puts the glue here.
 *
 * @module
 */

/** Instantiates avatar_p2p_bg.wasm. Idempotent. */
export default function init(options: { module_or_path: WebAssembly.Module }): Promise<unknown>;

/** What an instance is told. */
export type Tell = (of: bigint, kind: number, arg: number, data: Uint8Array | undefined) => boolean;

/** A swarm. Its rules are in avatar-web/p2p/src/js.rs. */
export interface Swarm {
  attach(tell: Tell): void;
  detach(): void;
  command(op: bigint, command: Uint8Array): number;
  cancel(op: bigint): number;
  hasStream(stream: number): boolean;
  streamWrite(stream: number, parts: Uint8Array[]): number;
  streamGrant(stream: number, bytes: number): number;
  streamClose(stream: number, how: number): number;
  close(): void;
}

/** What starts one. */
export const P2p: { start(secret: Uint8Array, agent: string, window: MessagePort | undefined): Swarm };
