import type { JoinProgress } from "@dao/avatar";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { codeIn } from "../devices/code";
import { deviceName } from "../devices/words";
import { theAvatar } from "../node/avatar";
import { followPeers, sayRelays } from "../node/peers";
import { codeOf, wordsFor } from "../node/words";
import { go, pageAddress, route } from "../shell/router";
import { Button } from "../ui/button";
import { Field, LongField } from "../ui/field";
import { Page } from "../ui/page";
import { fullSentence } from "../ui/sentence";
import { Joining } from "./devices/joining";
import { ScanDialog } from "./wallet/scan-dialog";

/** Makes this browser a device of somebody who has Avatar already: by a code that is scanned, pasted, or came with a link. */
export function LinkPage() {
  const code = useSignal(codeIn(route.peek().id ?? ""));
  const byLink = useRef(code.peek() !== "");
  const name = useSignal(deviceName(navigator.userAgent));
  const scanning = useSignal(false);
  const trouble = useSignal<{ code: string; text: string } | undefined>(undefined);
  const progress = useSignal<JoinProgress | undefined>(undefined);
  const abort = useRef<AbortController | undefined>(undefined);
  useEffect(() => {
    followPeers();
    // The code is a secret: it shall not stay in the address, nor in the history.
    if (byLink.current) go(pageAddress("link"), { replace: true });
  }, []);

  const join = async (): Promise<void> => {
    trouble.value = undefined;
    progress.value = { stage: "connecting", documentsDone: 0, documentsTotal: 0 };
    abort.current = new AbortController();
    try {
      await sayRelays();
      await theAvatar().peers.join(code.value, { name: name.value.trim(), onProgress: (step) => (progress.value = step), signal: abort.current.signal });
      code.value = "";
    } catch (error) {
      const stage = progress.peek()?.stage;
      // From there on it is a device of theirs, whatever happened after.
      const linked = stage === "identity" || stage === "documents";
      progress.value = linked ? { stage: "done", documentsDone: 0, documentsTotal: 0 } : undefined;
      if (!linked && codeOf(error) !== "CANCELLED") trouble.value = { code: codeOf(error), text: wordsOfTrouble(error) };
    }
  };
  const taken = (text: string): void => {
    code.value = codeIn(text);
    trouble.value = undefined;
  };
  if (progress.value) {
    return (
      <Page title="Linking this device" lead="It will hold the same notes as the other one, and speak for you as that one does.">
        <Joining progress={progress.value} onCancel={() => abort.current?.abort()} />
      </Page>
    );
  }
  return (
    <Page
      title="Link this device"
      lead={byLink.current ? "You opened an invitation. This device will hold the same notes as the one that made it, and speak for you as that one does." : "On the device that you have Avatar on already, go to Devices and choose “Link a device”. Then scan its code here, or paste it."}
    >
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault();
          void join();
        }}
      >
        <LongField label="The code or the link" testId="link-code" value={code.value} onValue={taken} placeholder="Paste it here" error={trouble.value?.text} />
        <span class="visually-hidden" role="alert" data-testid="link-error" data-code={trouble.value?.code}>
          {trouble.value?.text ?? ""}
        </span>
        <div class="card-buttons">
          <Button icon="camera" data-testid="link-scan" onClick={() => (scanning.value = true)}>
            Scan a QR code
          </Button>
        </div>
        <Field label="Name of this device" testId="link-name" value={name.value} onValue={(value) => (name.value = value)} maxLength={64} hint="So that you know which one it is." />
        <div class="card-buttons">
          <Button kind="primary" icon="link" type="submit" data-testid="link-start" disabled={code.value === ""}>
            Link this device
          </Button>
        </div>
        <p class="fine">Everything goes from the one to the other, sealed. The relay that brings them together can read nothing of it.</p>
      </form>
      {scanning.value && (
        <ScanDialog
          onText={(text) => {
            scanning.value = false;
            taken(text);
          }}
          onClose={() => (scanning.value = false)}
        />
      )}
    </Page>
  );
}

function wordsOfTrouble(error: unknown): string {
  switch (codeOf(error)) {
    case "INVALID_ARGUMENT":
      return "This is no code of an invitation, or only a part of one.";
    case "NOT_FOUND":
      return `${fullSentence((error as Error).message)} An invitation counts for ten minutes, and once.`;
    case "ALREADY_EXISTS":
      return "This device already holds notes or an identity that was kept, and they are not overwritten. Use another browser profile, or clear this site’s data after an export.";
    case "UNSUPPORTED":
      return fullSentence((error as Error).message);
    default:
      return wordsFor(error).text;
  }
}
