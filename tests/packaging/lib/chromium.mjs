// A real Chromium that opens a page and waits for what the application left in globalThis.result.
import { access } from "node:fs/promises";
import { chromium } from "playwright-core";

const candidates = [process.env.AVATAR_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].filter(Boolean);

async function executable() {
  for (const path of candidates) {
    const there = await access(path).then(() => true, () => false);
    if (there) return path;
  }
  throw new Error("Chromium is missing: install it, or set AVATAR_CHROMIUM to its path.");
}

/** One browser for all cases of a run. */
export async function launch() {
  return chromium.launch({
    executablePath: await executable(),
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/** Opens the page in a fresh profile; gives the application's result, or throws with everything the page complained about. */
export async function resultOf(browser, url) {
  const context = await browser.newContext();
  const complaints = [];
  try {
    const page = await context.newPage();
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("requestfailed", (request) => complaints.push(`${request.url()} failed: ${request.failure()?.errorText}`));
    await page.goto(url);
    await page.waitForFunction(() => globalThis.result !== undefined, undefined, { timeout: 60_000 }).catch((error) => {
      throw new Error(`no result from ${url}; the page said:\n${complaints.join("\n")}`, { cause: error });
    });
    const result = await page.evaluate(() => globalThis.result);
    if (result.error) throw new Error(`${result.error}\nthe page said:\n${complaints.join("\n")}`);
    return result.ok;
  } finally {
    await context.close();
  }
}
