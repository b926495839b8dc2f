// Runs contestants in pages of one Chromium: every measurement in a fresh tab, the contestants of one question taking turns, the median of all turns.
import { chromium } from "../../e2e/lib/engines/chromium.mjs";

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

export class Stage {
  #browser;
  #url;

  static async open(url) {
    const stage = new Stage();
    stage.#url = url;
    stage.#browser = await chromium.launch();
    return stage;
  }

  /** Another browser, with a profile of its own: another device. */
  another() {
    return Stage.open(this.#url);
  }

  close() {
    return this.#browser.close();
  }

  version() {
    return this.#browser.context.browser().version();
  }

  /** Calls `contestant[method](args)` in a fresh tab. */
  async run(contestant, method, args) {
    const page = await this.hold(contestant);
    try {
      return await page.run(method, args);
    } finally {
      await page.close();
    }
  }

  /** A fresh tab of the contestant that stays: `run(method, args)`, `close()`. `init` is a script that runs before the page's. */
  async hold(contestant, { init } = {}) {
    const page = await this.#browser.open();
    if (init) await page.raw.addInitScript(init);
    await page.goto(`${this.#url}${contestant}.html`);
    await page.waitFor(() => globalThis.contestant !== undefined);
    return {
      run: (method, args) =>
        page
          .evaluate((method, args) => globalThis.contestant[method](args), method, args)
          .catch((error) => Promise.reject(new Error(`${contestant}.${method}: ${error.message}\n${page.complaints.join("\n")}`, { cause: error }))),
      close: page.close,
    };
  }

  /** Calls `load(args)` as the first thing in a fresh tab: its answer counts from the navigation. */
  async load(contestant, args) {
    const page = await this.#browser.open();
    try {
      await page.raw.addInitScript(`globalThis.loading = new Promise((resolve) => Object.defineProperty(globalThis, "load", { set: (load) => resolve(load(${JSON.stringify(args)})) }))`);
      await page.goto(`${this.#url}${contestant}.html`);
      return await page.evaluate(() => globalThis.loading);
    } catch (error) {
      throw new Error(`${contestant} load: ${error.message}\n${page.complaints.join("\n")}`, { cause: error });
    } finally {
      await page.close();
    }
  }
}

/** Calls each of `turns` once a round, in order, so that a slow moment of the machine meets all; gives an array of answers each. */
export async function interleaved(rounds, turns) {
  const answers = turns.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (let n = 0; n < turns.length; n++) answers[n].push(await turns[n](round));
  }
  return answers;
}
