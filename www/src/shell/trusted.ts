/**
 * The one place where a string becomes a script address. The page's CSP requires Trusted Types; this policy lets only the app's own service worker through.
 */
const SERVICE_WORKER = "service-worker.js";

interface Policy {
  createScriptURL(url: string): string;
}
interface PolicyFactory {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): Policy;
}

/** The service worker's address, as a trusted one where the browser has Trusted Types. */
export function serviceWorkerUrl(): string {
  const rules = {
    createScriptURL(url: string): string {
      if (url !== SERVICE_WORKER) throw new TypeError(`Not a script of this app: ${url}`);
      return url;
    },
  };
  const factory = (globalThis as { trustedTypes?: PolicyFactory }).trustedTypes;
  return (factory ? factory.createPolicy("avatar-app", rules) : rules).createScriptURL(SERVICE_WORKER);
}
