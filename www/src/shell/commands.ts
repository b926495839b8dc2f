/** What can be done, by name: for the palette, the keyboard and the help sheet. */
import { signal } from "@preact/signals";
import { refreshStatus, theAvatar } from "../node/avatar";
import { canLock, identity } from "../node/identity";
import { createNote } from "../node/notes";
import type { IconName } from "../ui/icons";
import { go, noteAddress, pageAddress } from "./router";
import { setTheme } from "./theme";
import { notify, notifyError } from "./toasts";

export const paletteOpen = signal(false);
export const helpOpen = signal(false);
/** Raised when the filter field should take the focus. */
export const focusSearch = signal(0);
/** The note that is open offers its own commands here. */
export const noteCommands = signal<readonly Command[]>([]);
/** The note that was just made: its title field takes the focus. */
export const justCreated = signal<string | undefined>(undefined);

export interface Command {
  readonly id: string;
  readonly label: string;
  readonly icon: IconName;
  /** As shown; `Mod` is Ctrl, or ⌘ on Apple's keyboards. */
  readonly keys?: string;
  readonly run: () => void;
}

/** Makes a note and opens it. */
export async function newNote(title = ""): Promise<void> {
  try {
    const doc = await createNote(title);
    const { id } = doc;
    justCreated.value = id;
    await doc.close();
    go(noteAddress(id));
  } catch (error) {
    notifyError(error);
  }
}

/** Locks the node, in all tabs. Without anything of the person's own that opens it again, there is no use in it. */
export async function lockNow(): Promise<void> {
  if (!canLock.peek()) {
    notify("Set a passphrase or a passkey first: it is what opens your notes again.", { action: { label: "Set one", run: () => go(pageAddress("recovery")) } });
    return;
  }
  try {
    identity.value = await theAvatar().identity.lock();
  } catch (error) {
    notifyError(error);
  }
}

export function openSearch(): void {
  go(pageAddress("notes"));
  focusSearch.value++;
}

export const COMMANDS: readonly Command[] = [
  { id: "new-note", label: "New note", icon: "plus", keys: "Alt+N", run: () => void newNote() },
  { id: "search", label: "Filter notes", icon: "search", keys: "/", run: openSearch },
  { id: "notes", label: "Go to notes", icon: "notes", keys: "Alt+1", run: () => go(pageAddress("notes")) },
  { id: "import", label: "Import Markdown files", icon: "import", keys: "Alt+2", run: () => go(pageAddress("import")) },
  { id: "export", label: "Export all notes", icon: "export", keys: "Alt+3", run: () => go(pageAddress("export")) },
  { id: "identity", label: "Show my identity", icon: "identity", keys: "Alt+4", run: () => go(pageAddress("identity")) },
  {
    id: "storage",
    label: "Show storage",
    icon: "storage",
    keys: "Alt+5",
    run: () => {
      go(pageAddress("storage"));
      void refreshStatus();
    },
  },
  { id: "wallet", label: "Open the wallet", icon: "wallet", keys: "Alt+6", run: () => go(pageAddress("wallet")) },
  { id: "devices", label: "My devices", icon: "device", keys: "Alt+7", run: () => go(pageAddress("devices")) },
  { id: "network", label: "Show the network", icon: "network", run: () => go(pageAddress("network")) },
  { id: "link", label: "Make this a device of mine", icon: "link", run: () => go(pageAddress("link")) },
  { id: "verify", label: "Verify a credential", icon: "shield", run: () => go("#/wallet/verify") },
  { id: "recovery", label: "Ways back in: words, passphrase, backup", icon: "key", run: () => go(pageAddress("recovery")) },
  { id: "restore", label: "Restore from words or a backup", icon: "door", run: () => go(pageAddress("restore")) },
  { id: "lock", label: "Lock now", icon: "lock", keys: "Alt+L", run: () => void lockNow() },
  { id: "copy-did", label: "Copy my DID", icon: "copy", run: () => void navigator.clipboard.writeText(theAvatar().did).catch(notifyError) },
  { id: "theme-light", label: "Theme: light", icon: "theme", run: () => setTheme("light") },
  { id: "theme-dark", label: "Theme: dark", icon: "theme", run: () => setTheme("dark") },
  { id: "theme-system", label: "Theme: as the system", icon: "theme", run: () => setTheme("system") },
  { id: "help", label: "Keyboard shortcuts", icon: "keyboard", keys: "?", run: () => (helpOpen.value = true) },
];

const isApple = /Mac|iPhone|iPad/.test(navigator.platform);

/** Keys as this keyboard names them. */
export function shownKeys(keys: string): string[] {
  return keys.split("+").map((key) => (key === "Mod" ? (isApple ? "⌘" : "Ctrl") : isApple && key === "Alt" ? "⌥" : isApple && key === "Shift" ? "⇧" : key));
}
