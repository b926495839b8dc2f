/** The import that runs, as signals: it goes on while the person looks at other pages. */
import { signal } from "@preact/signals";
import { notify, notifyError } from "../shell/toasts";
import { go, noteAddress } from "../shell/router";
import type { FoundFile } from "./collect";
import { runImport, type Progress, type Summary } from "./run";

export const progress = signal<(Progress & { readonly reading: boolean }) | undefined>(undefined);
export const summary = signal<Summary | undefined>(undefined);
let running: AbortController | undefined;

export function cancelImport(): void {
  running?.abort();
}

/** Starts an import of what `find` finds. One at a time: a second drop waits for nobody, it is told. */
export async function startImport(find: () => Promise<FoundFile[]> | FoundFile[]): Promise<void> {
  if (running) {
    notify("An import is running; wait for its end.");
    return;
  }
  running = new AbortController();
  summary.value = undefined;
  progress.value = { done: 0, total: 0, reading: true };
  go("#/import");
  try {
    const found = await find();
    const result = await runImport(found, (now) => (progress.value = { ...now, reading: false }), running.signal);
    summary.value = result;
    if (result.imported === 1 && found.length === 1 && result.notices.length === 0 && result.firstId) go(noteAddress(result.firstId));
  } catch (error) {
    notifyError(error);
  } finally {
    progress.value = undefined;
    running = undefined;
  }
}
