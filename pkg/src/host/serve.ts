/**
 * Runs the host, in whichever thread this is, and lets clients in: the one that started it by its port, those of other tabs by BroadcastChannels.
 *
 * @module
 */
import type { PortLike } from "../channel/port.js";
import { controlChannelName, clientChannelName, clientLockName, isControlMessage, type ControlMessage } from "../leader/names.js";
import init, { Host, type HostOptions } from "./avatar_web.js";

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

/** Starts the host and serves `port`. @throws HostError when it does not start. */
export async function serve(options: ServeOptions, port: PortLike): Promise<Served> {
  await init({ module_or_path: options.avatarWeb });
  const host = await Host.start(options.host);
  host.attach(port);
  const stopTabs = options.tabs ? serveTabs(host, options.host.name) : () => undefined;
  return {
    close: async () => {
      stopTabs();
      await host.close();
    },
  };
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
