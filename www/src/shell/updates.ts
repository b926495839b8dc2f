/**
 * Offline and updates. The service worker keeps one build: html, scripts, worker and both WebAssembly files, cached together or not at all. A new build is
 * fetched in the background and waits; the person is asked; then all tabs go over to it at once, so that no tab mixes two builds.
 */
import { signal } from "@preact/signals";
import { serviceWorkerUrl } from "./trusted";
import { notify } from "./toasts";

/** The build that this page is from. */
export const pageBuild: string = document.querySelector<HTMLMetaElement>('meta[name="avatar-build"]')?.content ?? "unknown";
/** The build that is kept for offline use, once known. */
export const offlineBuild = signal<string | undefined>(undefined);
/** A complete new build waits to be used. */
export const updateReady = signal<{ readonly build: string; readonly apply: () => void } | undefined>(undefined);

const CHECK_EVERY_MS = 60 * 60 * 1_000;

/** Registers the service worker; does nothing where there is none (insecure address, private window of some browsers). */
export async function followUpdates(): Promise<void> {
  if (!("serviceWorker" in navigator) || !isSecureContext) return;
  const container = navigator.serviceWorker;
  const hadController = container.controller !== null;
  let reloading = false;
  container.addEventListener("controllerchange", () => {
    // The first worker takes over silently. A later one brings another build: its files replace ours, so this page must become that build too.
    if (!hadController || reloading) return void showOfflineBuild();
    reloading = true;
    location.reload();
  });
  try {
    const registration = await container.register(serviceWorkerUrl(), { updateViaCache: "none" });
    if (registration.waiting) void offer(registration.waiting);
    registration.addEventListener("updatefound", () => {
      const installing = registration.installing;
      installing?.addEventListener("statechange", () => {
        if (installing.state === "installed" && container.controller) void offer(installing);
        if (installing.state === "activated" && !hadController) notify("Ready to work offline.");
      });
    });
    await showOfflineBuild();
    const check = (): void => void registration.update().catch(() => undefined);
    setInterval(check, CHECK_EVERY_MS);
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && check());
  } catch (error) {
    // The app works without; the storage page says that there is no offline copy.
    console.warn("No offline copy:", error);
  }
}

async function showOfflineBuild(): Promise<string | undefined> {
  const controller = navigator.serviceWorker.controller;
  if (controller) offlineBuild.value = await buildOf(controller);
  return offlineBuild.value;
}

async function offer(worker: ServiceWorker): Promise<void> {
  const [build = "unknown", kept] = await Promise.all([buildOf(worker), showOfflineBuild()]);
  const apply = (): void => worker.postMessage({ type: "SKIP_WAITING" });
  // The page came from the network (a forced reload) and is that build already: there is nothing to ask, only the copy to renew.
  if (build === pageBuild && kept !== pageBuild) apply();
  else updateReady.value = { build, apply };
}

const ANSWER_WITHIN_MS = 5_000;

/** Asks a service worker which build it keeps; `undefined` when it does not say. */
function buildOf(worker: ServiceWorker): Promise<string | undefined> {
  return new Promise((resolve) => {
    const channel = new MessageChannel();
    const timer = setTimeout(() => resolve(undefined), ANSWER_WITHIN_MS);
    channel.port1.onmessage = (event: MessageEvent<string>) => {
      clearTimeout(timer);
      channel.port1.close();
      resolve(event.data);
    };
    worker.postMessage({ type: "GET_BUILD" }, [channel.port2]);
  });
}
