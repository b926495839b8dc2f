/**
 * Browsers: tabs share one host, in a worker of the leader.
 *
 * @module
 */
import type { AvatarOptions } from "./api.js";
import { browserAssets, workerFromFile, workerSource } from "./assets.browser.js";
import { META_UNIT_BUILD_ID } from "./build_ids.js";
import type { Environment, MakeConnector } from "./environment.js";
import { AvatarLoadError } from "./errors.js";
import { startInThread } from "./host/in_thread.js";
import { startInWorker, workerLoaded } from "./host/in_worker.js";
import type { StartHost } from "./host/running.js";
import { browserPasskeys } from "./identity/passkeys.browser.js";
import { SoleConnector } from "./leader/connector.js";
import { TabsConnector } from "./leader/tabs.js";
import { loadModules, loadP2p } from "./load/load.js";

/** See {@link Environment}. */
export const browser: Environment = {
  async prepare(options: AvatarOptions, lacking: string[]): Promise<MakeConnector> {
    const tabs = await canShare();
    if (!tabs) lacking.push("Web Locks or BroadcastChannel (or the browser forbids them to this page): tabs cannot share the node, so only one should be open");
    return (channel, events) => {
      const start = hostStarter(options, tabs, lacking);
      return tabs ? new TabsConnector(options.name ?? "default", channel, start, events) : new SoleConnector(channel, start, events);
    };
  },

  async persist(): Promise<boolean | undefined> {
    try {
      if (await navigator.storage?.persisted?.()) return true;
      return await navigator.storage?.persist?.();
    } catch {
      // Refused outright (an opaque origin): the same as no.
      return false;
    }
  },

  passkeys: browserPasskeys,
};

/** Whether tabs can elect a leader and talk. Where a browser blocks site data, both exist and throw when they are used. */
async function canShare(): Promise<boolean> {
  try {
    new BroadcastChannel("avatar:probe").close();
    await navigator.locks.request(`avatar:probe:${crypto.randomUUID()}`, () => undefined);
    return true;
  } catch {
    return false;
  }
}

function hostStarter(options: AvatarOptions, tabs: boolean, lacking: string[]): StartHost {
  return async (onDeath) => {
    // The worker's script and the modules are fetched side by side.
    const worker = chooseWorker(options.worker, lacking);
    worker.catch(() => undefined);
    let modules;
    try {
      modules = await loadModules(browserAssets, options.wasm);
    } catch (error) {
      void worker.then((made) => made?.terminate(), () => undefined);
      throw error;
    }
    const serve = {
      avatarWeb: modules.avatarWeb,
      tabs,
      host: {
        module: modules.metaUnit,
        name: options.name ?? "default",
        storage: options.storage ?? "auto",
        buildId: META_UNIT_BUILD_ID,
        testRequests: options.testRequests ?? false,
      },
    } as const;
    const made = await worker;
    const p2p = (): Promise<WebAssembly.Module> => loadP2p(browserAssets);
    return made === undefined ? startInThread(serve, async () => ({ module: await p2p() })) : startInWorker(made, serve, p2p, onDeath);
  };
}

/** The worker to use, once its script runs; undefined for the calling thread. */
async function chooseWorker(choice: AvatarOptions["worker"], lacking: string[]): Promise<Worker | undefined> {
  if (choice === false) return undefined;
  if (typeof Worker !== "function") {
    noWorker(lacking, "this engine has none");
    return undefined;
  }
  if (choice instanceof Worker) return choice;
  if (choice instanceof URL || typeof choice === "string") return workerLoaded(() => new Worker(choice, { type: "module" }));
  try {
    return await workerLoaded(workerFromFile);
  } catch {
    // Bundlers that do not copy the file bring its text.
  }
  let url: string | undefined;
  try {
    url = URL.createObjectURL(new Blob([await workerSource()], { type: "text/javascript" }));
    const own = url;
    return await workerLoaded(() => new Worker(own, { type: "module" }));
  } catch (error) {
    noWorker(lacking, error instanceof AvatarLoadError ? error.message : String(error));
    return undefined;
  } finally {
    if (url !== undefined) URL.revokeObjectURL(url);
  }
}

function noWorker(lacking: string[], reason: string): void {
  const text = `a worker (${reason}): the node works in the page itself, which may stutter`;
  if (!lacking.includes(text)) lacking.push(text);
}

