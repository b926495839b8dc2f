/** Short messages at the edge of the page. */
import { signal } from "@preact/signals";
import { codeOf, wordsFor } from "../node/words";

export interface Toast {
  readonly id: number;
  readonly kind: "info" | "error";
  readonly title?: string;
  readonly text: string;
  readonly code?: string;
  readonly action?: { readonly label: string; readonly run: () => void };
}

export const toasts = signal<readonly Toast[]>([]);

/** Errors stay until they are closed: nobody reads them in five seconds. */
const INFO_SHOWN_MS = 6_000;
const MAX_SHOWN = 4;
let nextId = 1;

export function notify(text: string, options: Partial<Omit<Toast, "id" | "text">> = {}): number {
  const toast: Toast = { id: nextId++, kind: "info", text, ...options };
  // The same error again (a burst of failing writes) replaces the one that is shown.
  const others = toasts.value.filter((other) => !(toast.kind === "error" && other.kind === "error" && other.text === toast.text));
  toasts.value = [...others, toast].slice(-MAX_SHOWN);
  if (toast.kind === "info") setTimeout(() => dismiss(toast.id), INFO_SHOWN_MS);
  return toast.id;
}

/** Shows an error in words. Ends that were asked for (closing, cancelling) are no news. */
export function notifyError(error: unknown): void {
  const code = codeOf(error);
  if (code === "CANCELLED" || (error as { name?: string } | null)?.name === "AbortError") return;
  const words = wordsFor(error);
  notify(words.text, { kind: "error", title: words.title, code });
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

export function dismissAll(): void {
  toasts.value = [];
}
