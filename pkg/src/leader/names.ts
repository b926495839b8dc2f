/**
 * Names of locks and channels by which tabs find each other, and what they say there.
 *
 * @module
 */

/** Whoever holds it runs the host. */
export function leaderLockName(name: string): string {
  return `avatar:${name}:leader`;
}

/** The thread of the host holds it, from before it opens storage until its end: a fence between two hosts of one database. */
export function hostLockName(name: string): string {
  return `avatar:${name}:host`;
}

/** A client holds it as long as its connection lives. */
export function clientLockName(name: string, client: string): string {
  return `avatar:${name}:client:${client}`;
}

/** Where a leader announces itself, and clients say hello. */
export function controlChannelName(name: string): string {
  return `avatar:${name}`;
}

/** The frames of one client, to and fro. */
export function clientChannelName(name: string, client: string): string {
  return `avatar:${name}:${client}`;
}

/** What is said on the control channel. */
export type ControlMessage =
  /** A host runs now: say hello (again). */
  | { type: "leader" }
  /** A client listens on its channel, holds its lock, and wants to be served. */
  | { type: "hello"; client: string };

/** Whether it is one of ours: anything of this origin can post to a channel. */
export function isControlMessage(data: unknown): data is ControlMessage {
  if (typeof data !== "object" || data === null) return false;
  const { type, client } = data as { type?: unknown; client?: unknown };
  return type === "leader" || (type === "hello" && typeof client === "string" && client.length <= 64);
}
