// WebKitGTK's MiniBrowser on a virtual screen, driven by selenium-webdriver over WebKitWebDriver.
//
// MiniBrowser under automation always runs in a private session: data lives as long as the browser does, whatever profile is named.
import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { Builder, By, Capabilities, Key, error as webdriverError, until } from "selenium-webdriver";
import { findProgram } from "../../../../scripts/lib/browsers.mjs";
import { killTree } from "../process-tree.mjs";
import { firstOf, startUntil } from "../programs.mjs";
import { temporaryFolder } from "../temp.mjs";
import { collectDownload } from "./downloads.mjs";
import { waitFor } from "./wait.mjs";

const browserBinary = () =>
  firstOf(
    process.env.AVATAR_MINIBROWSER,
    "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
    "/usr/lib/aarch64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
    "/usr/lib/x86_64-linux-gnu/webkitgtk-6.0/MiniBrowser",
    "/usr/libexec/webkit2gtk-4.1/MiniBrowser",
  );

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function acceptsConnections(url, deadlineMs = 15_000) {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    // WebKitWebDriver prints nothing when it is ready: its status is the only event there is.
    const answer = await fetch(`${url}/status`).catch(() => undefined);
    if (answer?.ok) return;
    if (Date.now() > deadline) throw new Error(`WebKitWebDriver did not answer within ${deadlineMs} ms`);
  }
}

export const webkit = {
  name: "WebKitGTK",
  keepsProfiles: false,

  async missing() {
    if (!findProgram("webkitdriver")) return "WebKitWebDriver is not installed (Debian: webkit2gtk-driver)";
    if (!(await browserBinary())) return "MiniBrowser is not installed (Debian: libwebkit2gtk-4.1-0)";
    if (!findProgram("xvfb")) return "Xvfb is not installed (Debian: xvfb)";
    return undefined;
  },

  async launch() {
    const home = await temporaryFolder();
    await mkdir(join(home.path, "Downloads"));
    await writeFile(join(home.path, "user-dirs.dirs"), 'XDG_DOWNLOAD_DIR="$HOME/Downloads"\n');
    const display = await startUntil(/^(\d+)$/, findProgram("xvfb"), ["-displayfd", "3", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"], { extraPipe: true });
    const port = await freePort();
    const webdriver = spawn(findProgram("webkitdriver"), [`--port=${port}`], {
      stdio: "ignore",
      env: {
        ...process.env,
        DISPLAY: `:${display.match[1]}`,
        HOME: home.path,
        XDG_DATA_HOME: home.path,
        XDG_CACHE_HOME: home.path,
        XDG_CONFIG_HOME: home.path,
        GDK_BACKEND: "x11",
        LIBGL_ALWAYS_SOFTWARE: "1",
        // As root there is no user namespace to make a sandbox from.
        WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1",
      },
    });
    const url = `http://127.0.0.1:${port}`;
    try {
      await acceptsConnections(url);
      const capabilities = new Capabilities();
      capabilities.set("browserName", "MiniBrowser");
      capabilities.set("webkitgtk:browserOptions", { binary: await browserBinary(), args: ["--automation"] });
      const session = await new Builder().disableEnvironmentOverrides().usingServer(url).withCapabilities(capabilities).build();
      await session.manage().setTimeouts({ script: 300_000, pageLoad: 60_000 });
      return new Browser(session, webdriver.pid, async () => {
        await killTree(webdriver.pid);
        await killTree(display.child.pid);
        await home.remove();
      }, home.path);
    } catch (error) {
      await killTree(webdriver.pid);
      await killTree(display.child.pid);
      await home.remove();
      throw error;
    }
  },
};

class Browser {
  engine = webkit;
  #session;
  #clean;
  #home;
  #firstTabIsFree = true;

  constructor(session, pid, clean, home) {
    this.#session = session;
    this.#clean = clean;
    this.#home = home;
    this.pid = pid;
  }

  async open(url) {
    if (this.#firstTabIsFree) this.#firstTabIsFree = false;
    else {
      // A new tab comes from one that is there; the current one may be closed.
      const [anyTab] = await this.#session.getAllWindowHandles();
      await this.#session.switchTo().window(anyTab);
      await this.#session.switchTo().newWindow("tab");
    }
    const page = new Page(this.#session, await this.#session.getWindowHandle(), this.#home);
    if (url) await page.goto(url);
    return page;
  }

  kill() {
    return this.#clean();
  }

  async close() {
    await this.#session.quit().catch(() => {});
    await this.#clean();
  }
}

class Page {
  /** WebDriver has no event for what a page logs: the page's own handlers fill this in the tests that need it. */
  complaints = [];
  #session;
  #handle;
  #home;

  constructor(session, handle, home) {
    this.#session = session;
    this.#handle = handle;
    this.#home = home;
  }

  /** WebDriver has one current window: every command goes to this tab first. */
  async #here() {
    await this.#session.switchTo().window(this.#handle);
    return this.#session;
  }

  async goto(url) {
    await (await this.#here()).get(url);
  }

  async reload() {
    await (await this.#here()).navigate().refresh();
  }

  async close() {
    await (await this.#here()).close();
  }

  async url() {
    return (await this.#here()).getCurrentUrl();
  }

  async evaluate(fn, ...args) {
    const session = await this.#here();
    const answer = await session.executeAsyncScript(
      `const done = arguments[arguments.length - 1];
       Promise.resolve().then(() => (${fn})(...${JSON.stringify(args)})).then(
         (value) => done({ value: value === undefined ? null : value }),
         (error) => done({ error: String(error && error.stack ? error + "\\n" + error.stack : error) }));`,
    );
    if (answer.error) throw new Error(answer.error);
    return answer.value;
  }

  waitFor(fn, args, timeoutMs) {
    return waitFor(this, fn, args, timeoutMs);
  }

  async #element(selector) {
    const session = await this.#here();
    return session.wait(until.elementLocated(By.css(selector)), 30_000);
  }

  /** Acts on an element as soon as it can be acted upon, as the other engines' drivers do: not while it is drawn anew, and not while something that still moves is in the way. */
  async #act(selector, action) {
    const session = await this.#here();
    const { StaleElementReferenceError, ElementClickInterceptedError } = webdriverError;
    const acted = async () => {
      try {
        await action(await this.#element(selector), session);
        return true;
      } catch (error) {
        if (error instanceof StaleElementReferenceError || error instanceof ElementClickInterceptedError) return false;
        throw error;
      }
    };
    await session.wait(acted, 30_000);
  }

  async click(selector) {
    await this.#act(selector, async (element, session) => {
      await session.wait(until.elementIsVisible(element), 30_000);
      // WebDriver scrolls as little as it can, and then clicks on the bar at the window's edge.
      await session.executeScript("arguments[0].scrollIntoView({ block: 'center' })", element);
      await element.click();
    });
  }

  async type(selector, text) {
    await (await this.#element(selector)).sendKeys(text);
  }

  /** As if it were pasted: typed line ends would be Enter. */
  async fill(selector, text) {
    const paste = (field, text) => {
      Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value").set.call(field, text);
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.dispatchEvent(new Event("change", { bubbles: true }));
    };
    await this.#act(selector, (element, session) => session.executeScript(`(${paste})(...arguments)`, element, text));
  }

  /** Each command goes to its tab. */
  async front() {
    await this.#here();
  }

  /** Names as in the DOM: "Enter", "Control+z". */
  async press(key) {
    const session = await this.#here();
    const parts = key.split("+");
    const last = parts.pop();
    const named = (name) => Key[name.toUpperCase()] ?? name;
    const actions = session.actions();
    for (const part of parts) actions.keyDown(named(part));
    actions.sendKeys(named(last));
    for (const part of parts.reverse()) actions.keyUp(named(part));
    await actions.perform();
  }

  async setFiles(selector, paths) {
    await (await this.#element(selector)).sendKeys(paths.join("\n"));
  }

  async screenshot(file) {
    await writeFile(file, Buffer.from(await (await this.#here()).takeScreenshot(), "base64"));
  }

  async viewport(width, height) {
    await (await this.#here()).manage().window().setRect({ width, height });
  }

  download(action) {
    return collectDownload(join(this.#home, "Downloads"), action);
  }
}
