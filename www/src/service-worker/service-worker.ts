/**
 * Keeps one build of the app for offline use. Each file is checked against the hash that the build gave it, and the installation fails as a whole when one is missing or from
 * another build: then the build that is there stays.
 */
import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute, type PrecacheEntry } from "workbox-precaching";
import { NavigationRoute, registerRoute } from "workbox-routing";

declare const self: ServiceWorkerGlobalScope & { readonly __WB_MANIFEST: PrecacheEntry[] };
declare const __BUILD__: string;

precacheAndRoute(self.__WB_MANIFEST, { cleanURLs: false });
cleanupOutdatedCaches();
registerRoute(new NavigationRoute(createHandlerBoundToURL("index.html")));

// Where relays are is asked each time. Where the app's server does not answer, the relays may still be there: then it is as it was last heard.
registerRoute(
  ({ url }) => url.href === new URL("relay.json", self.registration.scope).href,
  async ({ request }) => {
    const cache = await caches.open("relays");
    try {
      const response = await fetch(request);
      if (response.ok) await cache.put(request, response.clone());
      return response;
    } catch {
      return (await cache.match(request)) ?? Response.json({ addresses: [] });
    }
  },
);

self.addEventListener("message", (event) => {
  const { type } = (event.data ?? {}) as { type?: string };
  // A new build takes over only when the person says so.
  if (type === "SKIP_WAITING") void self.skipWaiting();
  if (type === "GET_BUILD") event.ports[0]?.postMessage(__BUILD__);
});

// Pages that came from the network before there was a service worker work offline from now on, too.
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
