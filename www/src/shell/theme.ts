/** Light, dark, or as the system says. Kept in this browser only. */
import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";
const KEY = "avatar-theme";

/** Storage of settings may be blocked; the app works without. */
function read(): Theme {
  try {
    const stored = localStorage.getItem(KEY);
    return stored === "light" || stored === "dark" ? stored : "system";
  } catch {
    return "system";
  }
}

export const theme = signal<Theme>(read());

const darkSystem = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = signal(darkSystem.matches);
darkSystem.addEventListener("change", (event) => (systemIsDark.value = event.matches));

/** Draws the page in the chosen theme from now on. */
export function followTheme(): void {
  effect(() => {
    const dark = theme.value === "dark" || (theme.value === "system" && systemIsDark.value);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    // The colour around the page: the window's title bar when installed, the browser's own bar on phones.
    for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) meta.content = dark ? "#101513" : "#eef1ec";
  });
}

export function setTheme(next: Theme): void {
  theme.value = next;
  try {
    if (next === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
  } catch {
    // Not kept: the choice holds until the page is closed.
  }
}
