// The browsers that the tests drive: where they are, and how they get there. Called by setup.mjs --browsers; tests may ask `findProgram`.
import { installDebian } from "./debian.mjs";
import { which } from "./run.mjs";

/** Each program by its names on different systems, the variable that overrides it, and the Debian packages that bring it. */
const PROGRAMS = {
  chromium: { variable: "AVATAR_CHROMIUM", names: ["chromium", "chromium-browser", "google-chrome"], packages: ["chromium"] },
  chromedriver: { variable: "CHROMEDRIVER", names: ["chromedriver"], packages: ["chromium-driver"] },
  firefox: { variable: "AVATAR_FIREFOX", names: ["firefox-esr", "firefox"], packages: ["firefox-esr"] },
  webkitdriver: { variable: "AVATAR_WEBKIT_DRIVER", names: ["WebKitWebDriver"], packages: ["webkit2gtk-driver"] },
  xvfb: { variable: "AVATAR_XVFB", names: ["Xvfb"], packages: ["xvfb", "xauth"] },
};

/** The path of a browser or driver (a key of PROGRAMS), or null. */
export function findProgram(key) {
  const { variable, names } = PROGRAMS[key];
  return process.env[variable] || names.map((name) => which(name)).find(Boolean) || null;
}

/** Installs the browsers and drivers that are missing. */
export async function ensureBrowsers() {
  const missing = Object.keys(PROGRAMS).filter((key) => !findProgram(key));
  if (missing.length > 0) await installDebian(missing.flatMap((key) => PROGRAMS[key].packages), "the tests in real browsers");
}
