/**
 * Requests that have one answer, of one kind.
 *
 * @module
 */
import { AvatarError } from "../errors.js";
import type { Channel } from "./channel.js";

/** How a request is made. */
export interface AskOptions {
  /** It must not be made twice: after a crash it fails with CRASHED. */
  once?: boolean;
  /** It carries a secret: its bytes are overwritten when it is answered. */
  secret?: boolean;
}

/** Asks for the answer of a kind. @throws AvatarError */
export async function askFor<T>(channel: Channel, request: Uint8Array, field: number, read: (payload: Uint8Array) => T, { once = false, secret = false }: AskOptions = {}): Promise<T> {
  try {
    const answer = await channel.ask(request, { retries: !once });
    if (answer.field !== field) throw new AvatarError("INTERNAL", "The node answered something else than what was asked.");
    return read(answer.payload);
  } finally {
    if (secret) request.fill(0);
  }
}
