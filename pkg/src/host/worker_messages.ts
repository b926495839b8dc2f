/**
 * What a tab and its worker say to each other beside the frames.
 *
 * @module
 */
import type { HostOptions } from "./avatar_web.js";
import type { P2pParts } from "./lazy_swarm.js";

/** The first message to the worker; the client's port comes with it. */
export interface WorkerStart {
  type: "start";
  avatarWeb: WebAssembly.Module;
  host: HostOptions;
  tabs: boolean;
  port: MessagePort;
}

/** The answer to `wantP2p`. */
export type P2pAnswer = ({ type: "p2p" } & P2pParts) | { type: "p2p"; error: string };

/** What the worker says. */
export type WorkerMessage =
  /** A peer is wanted: the worker's file does not find the module, the tab does. */
  | { type: "wantP2p" }
  /** Its script runs. */
  | { type: "loaded" }
  /** The host runs. */
  | { type: "started" }
  /** The host did not start. */
  | { type: "failed"; code: string; message: string; retryable: boolean };
