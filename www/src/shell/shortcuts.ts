import { phase } from "../node/avatar";
import { locked } from "../node/identity";
import { COMMANDS, helpOpen, lockNow, newNote, noteCommands, openSearch, paletteOpen } from "./commands";

/** Keys that work everywhere. Single letters work only where nobody is typing. */
export function listenForShortcuts(): void {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || phase.peek().name !== "ready" || locked.peek()) return;
    if (document.querySelector("dialog[open]") && !paletteOpen.peek()) return;
    const mod = event.ctrlKey || event.metaKey;
    const run = (action: () => void): void => {
      event.preventDefault();
      action();
    };
    if (mod && !event.shiftKey && !event.altKey && event.code === "KeyK") return run(() => (paletteOpen.value = !paletteOpen.value));
    if (paletteOpen.peek()) return;
    if (mod && !event.shiftKey && !event.altKey && event.code === "KeyE") {
      const preview = noteCommands.peek().find((command) => command.id === "preview");
      if (preview) return run(preview.run);
    }
    if (event.altKey && !mod) {
      // By place on the keyboard: with Alt, some layouts type other letters.
      if (event.code === "KeyN") return run(() => void newNote());
      if (event.code === "KeyL") return run(() => void lockNow());
      const page = /^Digit([1-7])$/.exec(event.code);
      if (page) return run(() => COMMANDS.find((command) => command.keys === `Alt+${page[1]}`)?.run());
    }
    if (mod || event.altKey || isTyping(event.target)) return;
    if (event.key === "/") return run(openSearch);
    if (event.key === "?") return run(() => (helpOpen.value = true));
  });
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
