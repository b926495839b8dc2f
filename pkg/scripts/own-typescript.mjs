// Makes typedoc use the TypeScript of this package: npm puts typedoc beside another, older one, which a generator of the build needs. Preloaded by docs.mjs.
import { createRequire, register } from "node:module";
import { pathToFileURL } from "node:url";

const own = pathToFileURL(createRequire(import.meta.url).resolve("typescript")).href;
const hooks = `
export function resolve(specifier, context, next) {
  return specifier === "typescript" ? { url: ${JSON.stringify(own)}, format: "commonjs", shortCircuit: true } : next(specifier, context);
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
