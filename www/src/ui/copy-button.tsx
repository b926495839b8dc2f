import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { notifyError } from "../shell/toasts";
import { Button } from "./button";

const COPIED_SHOWN_MS = 2_500;

/** Copies a text, and says so. */
export function CopyButton({ text, testId, kind = "plain", children = "Copy" }: { text: string; testId: string; kind?: "primary" | "plain"; children?: string }) {
  const copied = useSignal(false);
  useEffect(() => {
    if (!copied.value) return undefined;
    const timer = setTimeout(() => (copied.value = false), COPIED_SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied.value]);
  return (
    <>
      <Button kind={kind} icon={copied.value ? "check" : "copy"} data-testid={testId} onClick={() => navigator.clipboard.writeText(text).then(() => (copied.value = true), notifyError)}>
        {copied.value ? "Copied" : children}
      </Button>
      <span class="visually-hidden" role="status">
        {copied.value ? "It was copied." : ""}
      </span>
    </>
  );
}
