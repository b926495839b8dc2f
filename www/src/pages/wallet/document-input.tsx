import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { notify, notifyError } from "../../shell/toasts";
import { Button } from "../../ui/button";
import { LongField } from "../../ui/field";
import { readPicture } from "../../wallet/scan";
import { ScanDialog } from "./scan-dialog";

/** The largest file that is read as a text. The node has limits of its own; this one keeps the page from reading a film. */
const MAX_FILE_BYTES = 1 << 20;

/** Takes a text by paste, from a file, from a picture of a QR code, or by the camera. `take` is for what came in one go. */
export function DocumentInput({ label, testId, value, onValue, take, hint, error }: { label: string; testId: string; value: string; onValue: (text: string) => void; take: (text: string) => void; hint?: string; error?: string | undefined }) {
  const file = useRef<HTMLInputElement>(null);
  const scanning = useSignal(false);
  const got = (text: string): void => {
    onValue(text);
    take(text);
  };
  const read = async (chosen: File): Promise<void> => {
    try {
      if (chosen.type.startsWith("image/")) {
        const text = await readPicture(chosen).catch(() => undefined);
        if (text === undefined) notify("There is no QR code in this picture, or it cannot be read. Try one that is closer and sharper.", { kind: "error", title: "Nothing found", code: "NO_CODE" });
        else got(text);
      } else if (chosen.size > MAX_FILE_BYTES) {
        notify("This file is too large to be a credential.", { kind: "error", code: "LIMIT" });
      } else {
        got((await chosen.text()).trim());
      }
    } catch (error) {
      notifyError(error);
    }
  };
  return (
    <>
      <LongField label={label} testId={testId} value={value} onValue={onValue} placeholder="Paste it here" hint={hint} error={error} />
      <div class="card-buttons">
        <Button icon="camera" data-testid={`${testId}-scan`} onClick={() => (scanning.value = true)}>
          Scan a QR code
        </Button>
        <Button icon="file" onClick={() => file.current?.click()}>
          From a file or picture
        </Button>
      </div>
      <input
        ref={file}
        class="visually-hidden"
        type="file"
        accept=".json,.jsonld,.jwt,.txt,application/json,application/vc,application/jwt,text/plain,image/*"
        aria-label={`${label}: a file or picture`}
        tabIndex={-1}
        data-testid={`${testId}-file`}
        onChange={(event) => {
          const chosen = event.currentTarget.files?.[0];
          event.currentTarget.value = "";
          if (chosen) void read(chosen);
        }}
      />
      {scanning.value && (
        <ScanDialog
          onText={(text) => {
            scanning.value = false;
            got(text);
          }}
          onClose={() => (scanning.value = false)}
        />
      )}
    </>
  );
}
