/** Errors in words for people. The codes are those of `AvatarError`; what is not known here shows its own message. */

/** What a person is told: what happened, and what they can do. */
export interface Words {
  readonly title: string;
  readonly text: string;
}

const WORDS: Readonly<Record<string, Words>> = {
  QUOTA_EXCEEDED: { title: "This device is full", text: "The last change could not be saved. Free some space, then try again; everything saved before is safe." },
  STORAGE_BLOCKED: { title: "Storage is blocked", text: "The browser does not let this page store anything. Allow site data for this address, then reload." },
  STORAGE_LOST: { title: "Storage was taken away", text: "The browser or another program removed this site’s data while the page was open. Export what is on the screen before you close it." },
  STORAGE_IO: { title: "The disk did not answer", text: "A read or write failed. What was saved before is safe; try again." },
  STORAGE_LOCKED: { title: "The notes are in use", text: "Another program has these notes open. Close it, then try again." },
  SCHEMA_TOO_NEW: { title: "These notes are from a newer version", text: "Reload to get the newest version of the app. Nothing was changed." },
  CORRUPT: { title: "This note is damaged", text: "Its record on the disk cannot be read. All other notes are fine." },
  NOT_FOUND: { title: "Not found", text: "There is no such note on this device; it may have been deleted." },
  CRASHED: { title: "The core was started again", text: "Something went wrong inside. Nothing that was saved is lost; the action can be tried again." },
  LIMIT: { title: "Too large", text: "This is more than a note can hold." },
  INVALID_ARGUMENT: { title: "That cannot be stored", text: "The note has a value that cannot be kept." },
  CLOSED: { title: "This page is closed", text: "The notes were closed in this tab. Reload to open them again." },
  TIMEOUT: { title: "No answer", text: "It took too long. Try again." },
  CSP_BLOCKED: { title: "The browser may not run the core", text: "The server’s security policy lacks “wasm-unsafe-eval”." },
  NO_WEBASSEMBLY: { title: "This browser is too old", text: "It has no WebAssembly, which the app is made of." },
  BAD_BUILD: { title: "Two versions are mixed up", text: "The parts of the app are from different versions. Reload; if that does not help, clear this site’s cache (not its data)." },
  BAD_MIME: { title: "The app is incomplete", text: "The server sent a page where a part of the app should be." },
  BAD_MAGIC: { title: "The app is incomplete", text: "A part of the app is damaged. Reload." },
  COMPILE_FAILED: { title: "The app is damaged", text: "A part of the app could not be read. Reload." },
  WORKER_FAILED: { title: "The app could not start", text: "The browser did not start the background worker." },
  LOCKED: { title: "Locked", text: "Unlock first; then this can be done." },
  WRONG_SECRET: { title: "That is not it", text: "The passphrase, the words or the passkey do not fit. Nothing was changed." },
  ALREADY_EXISTS: { title: "Already there", text: "This device holds notes or an identity already, and they are not overwritten." },
  NETWORK: { title: "Not reached", text: "The other side could not be reached. Check the connection, then try again." },
  UNSUPPORTED: { title: "This browser cannot do that", text: "The function is not there." },
};

/** The stable code of an error, or `"INTERNAL"`. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "INTERNAL";
}

/** An error for people. */
export function wordsFor(error: unknown): Words {
  const known = WORDS[codeOf(error)];
  if (known) return known;
  return { title: "Something went wrong", text: error instanceof Error && error.message ? error.message : String(error) };
}
