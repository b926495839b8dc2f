// Three engines under one small interface.
//
//   engine.name  engine.keepsProfiles
//   engine.missing()                      why it cannot run here, in a sentence, or undefined
//   engine.launch({ profile? })           → Browser; `profile` is a folder that outlives the browser, where engine.keepsProfiles
//   browser.open(url)                     → Page, in a new tab of the same profile
//   browser.kill()                        SIGKILL to the whole process tree
//   browser.close()
//   page.goto(url) reload() close()
//   page.evaluate(fn, ...args)            runs in the page; arguments and result are JSON; a promise is awaited
//   page.waitFor(fn, args?, timeoutMs?)   until fn(...args) is truthy in the page; gives its value
//   page.click(selector) type(selector, text) press(key)
//   page.fill(selector, text)             in the place of what is in the field
//   page.front()                          the tab that the person looks at
//   page.setFiles(selector, paths)        into an <input type=file>, hidden or not
//   page.download(action)                 → { name, bytes } of what `action` makes the browser save
//   page.screenshot(file)
import { chromium } from "./chromium.mjs";
import { firefox } from "./firefox.mjs";
import { webkit } from "./webkit.mjs";

export const engines = [chromium, firefox, webkit];
export { chromium, firefox, webkit };

/** The value for a test's `skip`: false when the engine is here. Where CI is set a missing engine is a failure, not a skip. */
export async function skipWithout(engine) {
  const reason = await engine.missing();
  if (reason === undefined) return false;
  if (process.env.CI) throw new Error(`CI needs ${engine.name}: ${reason}`);
  return reason;
}
