/**
 * What a tab and its worker say to each other beside the frames.
 *
 * @module
 */
import type { HostOptions } from "./avatar_web.js";

/** The one message to the worker; the client's port comes with it. */
export interface WorkerStart {
  type: "start";
  avatarWeb: WebAssembly.Module;
  host: HostOptions;
  tabs: boolean;
  port: MessagePort;
}

/** What the worker says. */
export type WorkerMessage =
  /** Its script runs. */
  | { type: "loaded" }
  /** The host runs. */
  | { type: "started" }
  /** The host did not start. */
  | { type: "failed"; code: string; message: string; retryable: boolean };
