/**
 * CodeMirror's styles under a strict CSP. In a document, CodeMirror (its package style-mod) can only add a <style> element, which `style-src 'self'` refuses; a nonce needs a
 * server that makes pages. Constructed style sheets are not subject to `style-src`, so here `StyleModule.mount` puts the same rules into one of those.
 */
import { StyleModule } from "style-mod";

const sheets = new WeakMap<Document | ShadowRoot, { sheet: CSSStyleSheet; mounted: StyleModule[] }>();

StyleModule.mount = (root: Document | ShadowRoot, modules: StyleModule | readonly StyleModule[]): void => {
  let entry = sheets.get(root);
  if (!entry) {
    entry = { sheet: new CSSStyleSheet(), mounted: [] };
    sheets.set(root, entry);
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, entry.sheet];
  }
  const asked = Array.isArray(modules) ? (modules as readonly StyleModule[]) : [modules as StyleModule];
  const { mounted } = entry;
  if (asked.every((module) => mounted.includes(module))) return;
  // Later rules win over earlier ones, and CodeMirror gives the modules in that order: what is asked for now comes last, in its order.
  entry.mounted = [...mounted.filter((module) => !asked.includes(module)), ...asked];
  entry.sheet.replaceSync(entry.mounted.map((module) => module.getRules()).join("\n"));
};
