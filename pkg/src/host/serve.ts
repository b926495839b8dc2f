/**
 * Runs the host, in whichever thread this is, and lets clients in: the one that started it by its port, those of other tabs by BroadcastChannels.
 *
 * @module
 */
import type { PortLike } from "../channel/port.js";
import { controlChannelName, clientChannelName, clientLockName, hostLockName, isControlMessage, type ControlMessage } from "../leader/names.js";
import init, { Host, type HostOptions } from "./avatar_web.js";
import { LazySwarm, type LoadP2p } from "./lazy_swarm.js";

/** What a host needs to start. All of it can be sent to a worker (but a JsStorage). */
export interface ServeOptions {
  avatarWeb: WebAssembly.Module;
  host: HostOptions;
  /** Whether other tabs are served. */
  tabs: boolean;
}

/** A host that runs. */
export interface Served {
  /** Lets go of everything, after what is under way. Idempotent. */
  close(): Promise<void>;
}

/** Starts the host and serves `port`. Without `loadP2p` it reaches no peers. @throws HostError when it does not start. */
export async function serve(options: ServeOptions, port: PortLike, loadP2p?: LoadP2p): Promise<Served> {
  await init({ module_or_path: options.avatarWeb });
  const lowerFence = options.tabs ? await raiseFence(options.host.name) : () => undefined;
  try {
    const host = await Host.start(loadP2p === undefined ? options.host : { ...options.host, p2p: new LazySwarm(loadP2p) });
    host.attach(port);
    const stopTabs = options.tabs ? serveTabs(host, options.host.name) : () => undefined;
    return {
      close: async () => {
        stopTabs();
        await host.close();
        lowerFence();
      },
    };
  } catch (error) {
    lowerFence();
    throw error;
  }
}

/**
 * Waits until no other host works on this database. The leader's lock goes with its window, but WebKit lets the worker of a closed window live on for a while: it
 * would go on to acknowledge writes that the next host, which has read the database already, never sees. This lock goes with the thread of the host itself.
 */
function raiseFence(name: string): Promise<() => void> {
  return new Promise((raised, failed) => {
    navigator.locks.request(hostLockName(name), () => new Promise<void>((lower) => raised(lower))).catch(failed);
  });
}

/** Tells all tabs that a host is here, and attaches those that say hello. */
function serveTabs(host: Host, name: string): () => void {
  const control = new BroadcastChannel(controlChannelName(name));
  const known = new Set<string>();
  const abort = new AbortController();
  control.onmessage = (event: MessageEvent<unknown>) => {
    const message = event.data;
    if (!isControlMessage(message) || message.type !== "hello" || known.has(message.client)) return;
    known.add(message.client);
    const channel = new BroadcastChannel(clientChannelName(name, message.client));
    const client = host.attach(channel as PortLike);
    // The client holds this lock as long as it lives: to get it means that the client is gone.
    navigator.locks
      .request(clientLockName(name, message.client), { signal: abort.signal }, () => {
        host.detach(client);
        channel.close();
        known.delete(message.client);
      })
      .catch((error: unknown) => {
        if (!abort.signal.aborted) throw error;
      });
  };
  control.postMessage({ type: "leader" } satisfies ControlMessage);
  return () => {
    abort.abort();
    control.close();
  };
}
