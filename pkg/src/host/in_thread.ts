/**
 * The host in the calling thread: Node, `worker: false`, and browsers in which no worker starts.
 *
 * @module
 */
import { portPair } from "../channel/port.js";
import type { LoadP2p } from "./lazy_swarm.js";
import { errorOfHost, type RunningHost } from "./running.js";
import type { ServeOptions } from "./serve.js";

/** Starts it. Without `loadP2p` it reaches no peers. @throws AvatarError */
export async function startInThread(options: ServeOptions, loadP2p?: LoadP2p): Promise<RunningHost> {
  const { serve } = await import("./serve.js");
  const [port, hostPort] = portPair();
  try {
    const served = await serve(options, hostPort, loadP2p);
    return { port, stop: () => void served.close() };
  } catch (error) {
    throw errorOfHost(error);
  }
}
