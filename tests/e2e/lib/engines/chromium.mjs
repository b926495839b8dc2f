// Chromium: started by us, so that its process tree is ours to kill, and driven by playwright-core over the DevTools protocol.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { chromium as playwright } from "playwright-core";
import { findProgram } from "../../../../scripts/lib/browsers.mjs";
import { killTree } from "../process-tree.mjs";
import { startUntil } from "../programs.mjs";
import { temporaryFolder } from "../temp.mjs";
import { waitFor } from "./wait.mjs";


const QUIET = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--no-default-browser-check",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Tests drive several tabs at once: none may be slowed down for being behind another.
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
  "--remote-debugging-port=0",
];

export const chromium = {
  name: "Chromium",
  keepsProfiles: true,

  async missing() {
    return findProgram("chromium") ? undefined : "Chromium is not installed (Debian: chromium), nor does AVATAR_CHROMIUM name one";
  },

  async launch({ profile, args = [] } = {}) {
    const own = profile ? undefined : await temporaryFolder();
    const { child, match } = await startUntil(/DevTools listening on (ws:\S+)/, findProgram("chromium"), [
      ...QUIET,
      ...args,
      `--user-data-dir=${profile ?? own.path}`,
      "about:blank",
    ]);
    const connection = await playwright.connectOverCDP(match[1]);
    const gone = new Promise((resolve) => child.once("exit", resolve));
    const removeOwn = () => own?.remove();
    return new Browser(connection, child.pid, gone, removeOwn);
  },
};

class Browser {
  engine = chromium;
  #connection;
  #gone;
  #removeOwn;

  constructor(connection, pid, gone, removeOwn) {
    this.#connection = connection;
    this.#gone = gone;
    /** Resolves when the browser has ended, for whatever reason. */
    this.gone = gone;
    this.#removeOwn = removeOwn;
    this.pid = pid;
    /** Playwright's context, for what only Chromium can show (quota, memory, traces). */
    this.context = connection.contexts()[0];
  }

  async open(url) {
    const page = new Page(await this.context.newPage(), this.context);
    if (url) await page.goto(url);
    return page;
  }

  async kill() {
    await killTree(this.pid);
    await this.#gone;
    await this.#connection.close().catch(() => {});
    await this.#removeOwn();
  }

  async close() {
    const session = await this.#connection.newBrowserCDPSession().catch(() => undefined);
    await session?.send("Browser.close").catch(() => {});
    await this.#gone;
    await this.#removeOwn();
  }
}

class Page {
  /** Errors that the page logged or threw. */
  complaints = [];

  constructor(page, context) {
    /** Playwright's page, for what only Chromium can show. */
    this.raw = page;
    this.context = context;
    page.on("console", (message) => message.type() === "error" && this.complaints.push(message.text()));
    page.on("pageerror", (error) => this.complaints.push(String(error)));
  }

  goto = async (url) => void (await this.raw.goto(url));
  reload = async () => void (await this.raw.reload());
  close = () => this.raw.close();
  url = async () => this.raw.url();
  evaluate = (fn, ...args) => this.raw.evaluate(`(${fn})(...${JSON.stringify(args)})`);
  click = (selector) => this.raw.click(selector);
  type = (selector, text) => this.raw.type(selector, text);
  fill = (selector, text) => this.raw.fill(selector, text);
  press = (key) => this.raw.keyboard.press(key);
  front = () => this.raw.bringToFront();

  async setFiles(selector, paths) {
    // Not Playwright's own: over this kind of connection it copies the files, up to 50 MB. Chromium takes paths, folders included.
    const devtools = await this.devtools();
    const { result } = await devtools.send("Runtime.evaluate", { expression: `document.querySelector(${JSON.stringify(selector)})` });
    await devtools.send("DOM.setFileInputFiles", { files: paths, objectId: result.objectId });
    await devtools.detach();
  }

  async screenshot(file) {
    // A tab behind another paints nothing to take.
    await this.raw.bringToFront();
    await this.raw.screenshot({ path: file });
  }

  viewport = (width, height) => this.raw.setViewportSize({ width, height });
  /** A DevTools session of this page. */
  devtools = () => this.context.newCDPSession(this.raw);

  waitFor = (fn, args, timeoutMs) => waitFor(this, fn, args, timeoutMs);

  async download(action) {
    const started = this.raw.waitForEvent("download");
    await action();
    const download = await started;
    const folder = await temporaryFolder();
    try {
      const file = join(folder.path, "file");
      await download.saveAs(file);
      return { name: download.suggestedFilename(), bytes: await readFile(file) };
    } finally {
      await folder.remove();
    }
  }
}
