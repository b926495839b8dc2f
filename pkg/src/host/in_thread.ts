/**
 * The host in the calling thread: Node, `worker: false`, and browsers in which no worker starts.
 *
 * @module
 */
import { portPair } from "../channel/port.js";
import { errorOfHost, type RunningHost } from "./running.js";
import type { ServeOptions } from "./serve.js";

/** Starts it. @throws AvatarError */
export async function startInThread(options: ServeOptions): Promise<RunningHost> {
  const { serve } = await import("./serve.js");
  const [port, hostPort] = portPair();
  try {
    const served = await serve(options, hostPort);
    return { port, stop: () => void served.close() };
  } catch (error) {
    throw errorOfHost(error);
  }
}
