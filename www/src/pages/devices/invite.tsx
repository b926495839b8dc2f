import type { DeviceInvitation } from "@dao/avatar";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { linkOf } from "../../devices/code";
import { deviceName, leftWords } from "../../devices/words";
import { theAvatar } from "../../node/avatar";
import { act, identity } from "../../node/identity";
import { invitation, peers, sayRelays } from "../../node/peers";
import { codeOf } from "../../node/words";
import { notify, notifyError } from "../../shell/toasts";
import { Button } from "../../ui/button";
import { CopyButton } from "../../ui/copy-button";
import { Icon } from "../../ui/icons";
import { QrCode } from "../../ui/qr-code";
import { fullSentence } from "../../ui/sentence";
import { useWork } from "../../ui/work";

const SECOND_MS = 1_000;

/** Devices that speak for the person. */
const standing = (): readonly string[] => (identity.peek()?.devices ?? []).filter(({ removedAt }) => removedAt === undefined).map(({ id }) => id);

/** The other device shall call this one by some name. */
async function nameThisDevice(): Promise<void> {
  const unnamed = identity.peek()?.devices.find(({ thisDevice, name }) => thisDevice && name === "");
  if (unnamed) await act(theAvatar().identity.renameDevice(unnamed.id, deviceName(navigator.userAgent)));
}

/** Takes in another device: shows a code that counts once. */
export function Invite() {
  const { busy, run } = useWork();
  const open = invitation.value;
  const invite = (): Promise<void> =>
    run(
      async () => {
        await Promise.all([sayRelays(), nameThisDevice()]);
        invitation.value = await theAvatar().peers.invite();
      },
      // The node says what there is not: a relay, or a network.
      (error) => (codeOf(error) === "UNSUPPORTED" ? notify(fullSentence((error as Error).message), { kind: "error", title: "Not possible here", code: "UNSUPPORTED" }) : notifyError(error)),
    );
  if (open) return <OpenInvitation invitation={open} />;
  return (
    <section class="card line-card" aria-labelledby="link-head">
      <Icon name="link" size={24} />
      <div>
        <h2 id="link-head">Link a device</h2>
        <p>{peers.value?.supported === false ? "This browser cannot reach other devices." : "Your phone, another computer, another browser. Have it at hand: you scan a code with it, or open a link."}</p>
      </div>
      <Button kind="primary" icon="qr" data-testid="invite" disabled={busy.value || peers.value?.supported === false} onClick={() => void invite()}>
        {busy.value ? "Making a code…" : "Link a device"}
      </Button>
    </section>
  );
}

function OpenInvitation({ invitation: { code, expiresAt, cancel } }: { invitation: DeviceInvitation }) {
  const left = useSignal(expiresAt.getTime() - Date.now());
  const before = useRef(standing());
  const link = linkOf(code, location.href);
  const devices = identity.value?.devices;
  useEffect(() => {
    const timer = setInterval(() => {
      left.value = expiresAt.getTime() - Date.now();
      if (left.value <= 0) invitation.value = undefined;
    }, SECOND_MS);
    return () => clearInterval(timer);
  }, [expiresAt]);
  useEffect(() => {
    const added = devices?.find(({ id, removedAt }) => removedAt === undefined && !before.current.includes(id));
    if (added === undefined) return;
    invitation.value = undefined;
    notify(`“${added.name || "The new device"}” is linked. Your notes are on their way to it.`);
  }, [devices]);
  const stop = async (): Promise<void> => {
    invitation.value = undefined;
    await cancel().catch(notifyError);
  };
  return (
    <section class="card invitation" aria-labelledby="invitation-head" data-testid="invitation" data-code={code}>
      <QrCode text={link} label="QR code of the invitation" testId="invitation-qr" />
      <div>
        <h2 id="invitation-head">Scan this with the other device</h2>
        <p>
          With its camera, or in Avatar there: “I have Avatar on another device”. Leave this page open until the device is linked.
        </p>
        <p class="left" role="timer" aria-live="off" data-testid="invitation-left">
          <Icon name="clock" size={18} /> Counts for {leftWords(left.value)}, once
        </p>
        <div class="card-buttons">
          <CopyButton kind="primary" text={link} testId="invitation-copy-link">
            Copy the link
          </CopyButton>
          <CopyButton text={code} testId="invitation-copy-code">
            Copy the code
          </CopyButton>
          <Button data-testid="invitation-cancel" onClick={() => void stop()}>
            Cancel
          </Button>
        </div>
        <p class="fine">Show it to nobody else: whoever uses it first becomes a device of yours.</p>
      </div>
    </section>
  );
}
