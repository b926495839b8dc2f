/**
 * How an Avatar starts.
 *
 * @module
 */
import type { Avatar, AvatarOptions } from "./api.js";
import { AvatarClient } from "./avatar.js";
import type { Environment } from "./environment.js";
import { AvatarArgumentError, AvatarClosedError } from "./errors.js";

/** Names go into names of locks, channels and databases. */
const MAX_NAME_UNITS = 256;

/** Starts an Avatar, or joins the one that another tab runs. @throws AvatarError */
export async function start(options: AvatarOptions, environment: Environment): Promise<Avatar> {
  const { name = "default", signal } = options;
  if (typeof name !== "string" || name === "" || name.length > MAX_NAME_UNITS) throw new AvatarArgumentError(`An Avatar's name is a string of 1 to ${MAX_NAME_UNITS} characters.`);
  if (signal?.aborted) throw cancelled(signal);
  const lacking: string[] = [];
  const makeConnector = await environment.prepare(options, lacking);
  if (signal?.aborted) throw cancelled(signal);
  const avatar = new AvatarClient(options, environment, makeConnector, lacking);
  const onAbort = (): void => void avatar.close();
  signal?.addEventListener("abort", onAbort, { once: true });
  avatar.on("closed", () => signal?.removeEventListener("abort", onAbort));
  try {
    await avatar.started;
  } catch (error) {
    throw signal?.aborted ? cancelled(signal) : error;
  }
  return avatar;
}

function cancelled(signal: AbortSignal): AvatarClosedError {
  return new AvatarClosedError("CANCELLED", "Starting the Avatar was given up.", { cause: signal.reason });
}
