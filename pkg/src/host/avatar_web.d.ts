/**
 * What this package uses of avatar-web's generated glue; the build puts the glue here. The whole interface is specified in avatar-web/src/interface.d.ts.
 *
 * @module
 */
import type { PortLike } from "../channel/port.js";
import type { LazySwarm } from "./lazy_swarm.js";
import type { JsStorage } from "./storage.js";

/** Instantiates avatar_web_bg.wasm. Idempotent. */
export default function init(options: { module_or_path: WebAssembly.Module }): Promise<unknown>;

/** What {@link Host.start} is given. */
export interface HostOptions {
  module: WebAssembly.Module;
  name: string;
  storage?: "auto" | "memory" | JsStorage;
  buildId?: string;
  testRequests?: boolean;
  loopbackHttp?: boolean;
  p2p?: LazySwarm;
  onfailed?: (error: Error & { readonly code: string; readonly retryable: boolean }) => void;
}

/** The host. Its methods are specified in avatar-web/src/lib.rs. */
export class Host {
  private constructor();
  static start(options: HostOptions): Promise<Host>;
  attach(port: PortLike): number;
  detach(client: number): void;
  close(): Promise<void>;
}
