// Where things are in the tree.
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");
/** The built package; AVATAR_PKG_DIST names another build to test. */
export const PKG_DIST = resolve(process.env.AVATAR_PKG_DIST ?? join(ROOT, "pkg/dist"));
/** The built app; AVATAR_WWW_DIST names another build to test. */
export const WWW_DIST = resolve(process.env.AVATAR_WWW_DIST ?? join(ROOT, "www/dist"));
/** The page that talks to the facade directly, without the app. */
export const FIXTURE_APP = join(ROOT, "tests/e2e/app");
export const NODE_MODULES = join(ROOT, "node_modules");
/** Data from outside, beside the clone; see HACKING.md. */
export const SHARED_DATA = resolve(ROOT, "../shared/data");

/** Why the outside data cannot be read, for `skip`; CI must have it. */
export function missingData(relative) {
  if (existsSync(join(SHARED_DATA, relative))) return false;
  if (process.env.CI) throw new Error(`CI needs ../shared/data/${relative}`);
  return `../shared/data/${relative} is not here`;
}
