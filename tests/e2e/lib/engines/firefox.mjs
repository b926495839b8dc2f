// Firefox, driven by puppeteer-core over WebDriver BiDi.
import puppeteer from "puppeteer-core";
import { findProgram } from "../../../../scripts/lib/browsers.mjs";
import { killTree } from "../process-tree.mjs";
import { temporaryFolder } from "../temp.mjs";
import { collectDownload } from "./downloads.mjs";
import { waitFor } from "./wait.mjs";

export const firefox = {
  name: "Firefox",
  keepsProfiles: true,

  async missing() {
    return findProgram("firefox") ? undefined : "Firefox is not installed (Debian: firefox-esr), nor does AVATAR_FIREFOX name one";
  },

  async launch({ profile, preferences = {} } = {}) {
    const own = await temporaryFolder();
    const downloads = await temporaryFolder();
    const browser = await puppeteer.launch({
      browser: "firefox",
      executablePath: findProgram("firefox"),
      headless: true,
      userDataDir: profile ?? own.path,
      extraPrefsFirefox: {
        "browser.download.dir": downloads.path,
        "browser.download.folderList": 2,
        "browser.download.useDownloadDir": true,
        "browser.download.always_ask_before_handling_new_types": false,
        "browser.helperApps.neverAsk.saveToDisk": "application/zip,text/markdown,text/plain,application/octet-stream",
        // Otherwise the first call to navigator.storage.persist() waits for a person.
        "dom.storageManager.prompt.testing": true,
        "dom.storageManager.prompt.testing.allow": true,
        ...preferences,
      },
    });
    return new Browser(browser, downloads.path, async () => {
      await own.remove();
      await downloads.remove();
    });
  },
};

class Browser {
  engine = firefox;
  #browser;
  #downloads;
  #clean;

  constructor(browser, downloads, clean) {
    this.#browser = browser;
    this.#downloads = downloads;
    this.#clean = clean;
    this.pid = browser.process().pid;
    /** Resolves when the browser has ended, for whatever reason. */
    this.gone = new Promise((resolve) => browser.process().once("exit", resolve));
  }

  async open(url) {
    const page = new Page(await this.#browser.newPage(), this.#downloads);
    if (url) await page.goto(url);
    return page;
  }

  async kill() {
    await killTree(this.pid);
    await this.#clean();
  }

  async close() {
    await this.#browser.close();
    await this.#clean();
  }
}

class Page {
  complaints = [];
  #downloads;

  constructor(page, downloads) {
    this.raw = page;
    this.#downloads = downloads;
    page.setDefaultTimeout(60_000);
    page.on("console", (message) => message.type() === "error" && this.complaints.push(message.text()));
    page.on("pageerror", (error) => this.complaints.push(String(error)));
  }

  goto = async (url) => void (await this.raw.goto(url));
  reload = async () => void (await this.raw.reload());
  close = () => this.raw.close();
  url = async () => this.raw.url();
  evaluate = (fn, ...args) => this.raw.evaluate(`(${fn})(...${JSON.stringify(args)})`);
  screenshot = async (file) => void (await this.raw.screenshot({ path: file }));
  viewport = (width, height) => this.raw.setViewport({ width, height });

  /** Names as in the DOM: "Enter", "Control+z". */
  async press(key) {
    const parts = key.split("+");
    const last = parts.pop();
    for (const part of parts) await this.raw.keyboard.down(part);
    await this.raw.keyboard.press(last);
    for (const part of parts.reverse()) await this.raw.keyboard.up(part);
  }

  async click(selector) {
    const element = await this.raw.waitForSelector(selector, { visible: true });
    await element.click();
  }

  async type(selector, text) {
    const element = await this.raw.waitForSelector(selector, { visible: true });
    await element.type(text);
  }

  fill = (selector, text) => this.raw.locator(selector).fill(text);
  front = () => this.raw.bringToFront();

  async setFiles(selector, paths) {
    const element = await this.raw.waitForSelector(selector);
    await element.uploadFile(...paths);
  }

  waitFor(fn, args, timeoutMs) {
    return waitFor(this, fn, args, timeoutMs);
  }

  download(action) {
    return collectDownload(this.#downloads, action);
  }
}
