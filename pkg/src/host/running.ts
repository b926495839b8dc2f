/**
 * A host that was started for a client, wherever it runs.
 *
 * @module
 */
import type { PortLike } from "../channel/port.js";
import { AvatarError, AvatarLoadError, errorOfCode, type AvatarErrorCode } from "../errors.js";

/** A host that runs, and the client's end of its channel. */
export interface RunningHost {
  readonly port: PortLike;
  /** Ends it at once: what was not durable was not promised. */
  stop(): void;
}

/** Starts a host. `onDeath` is told when it fails later, once. @throws AvatarError */
export type StartHost = (onDeath: (error: AvatarError) => void) => Promise<RunningHost>;

const LOAD_CODES: Readonly<Record<string, "BAD_BUILD" | "CSP_BLOCKED">> = { WRONG_MODULE: "BAD_BUILD", WRONG_BUILD: "BAD_BUILD", NO_WASM: "CSP_BLOCKED" };

/** What a HostError of avatar-web is here. */
export function errorOfHost(error: unknown): AvatarError {
  if (error instanceof AvatarError) return error;
  const { code = "INTERNAL", message = String(error), retryable = false } = (error ?? {}) as { code?: string; message?: string; retryable?: boolean };
  const loadCode = LOAD_CODES[code];
  if (loadCode !== undefined) return new AvatarLoadError(loadCode, message, { cause: error });
  return errorOfCode(code === "CRASH_LOOP" ? "CRASHED" : (code as AvatarErrorCode), message, { cause: error, retryable });
}
