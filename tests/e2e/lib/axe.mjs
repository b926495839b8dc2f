// What axe finds in a page.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
let script;

/** The serious violations of a Chromium page as it is now: a sentence for each, that begins with `what`. */
export async function seriousViolations(page, what) {
  script ??= await readFile(require.resolve("axe-core/axe.min.js"), "utf8");
  await page.raw.bringToFront();
  // Contrast can be judged when nothing fades any more.
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {}))));
  const violations = await page.evaluate(`async () => { if (!globalThis.axe) { ${script} } return (await axe.run(document, { resultTypes: ["violations"] })).violations; }`);
  return violations
    .filter(({ impact }) => ["serious", "critical"].includes(impact))
    .map(({ id, help, nodes }) => `${what} ${id} (${help}): ${nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(" … ")}`);
}
