import type { Device, IdentityState, KeyProtection } from "@dao/avatar";
import { theAvatar } from "../node/avatar";
import { act, canLock, identity } from "../node/identity";
import { lockNow } from "../shell/commands";
import { go } from "../shell/router";
import { notify } from "../shell/toasts";
import { Button } from "../ui/button";
import { ask } from "../ui/confirm";
import { CopyButton } from "../ui/copy-button";
import { Icon } from "../ui/icons";
import { Page } from "../ui/page";
import { QrCode } from "../ui/qr-code";
import { useWork } from "../ui/work";

/** Who the person is, to others and to other devices. */
export function IdentityPage() {
  const state = identity.value;
  return (
    <Page title="Identity" lead="This device made you an identity of your own. Nobody issued it, so nobody can take it away: every note names it as the owner.">
      <Who did={state?.did || theAvatar().did} />
      {state && (
        <>
          <WayBack state={state} />
          <KeysCard state={state} />
          <DevicesCard devices={state.devices} />
          <RenewCard state={state} />
        </>
      )}
    </Page>
  );
}

function Who({ did }: { did: string }) {
  return (
    <div class="card identity">
      <QrCode text={did} label="QR code of your DID" testId="identity-qr" />
      <div class="identity-text">
        <h2 id="did-head">Your decentralised identifier (DID)</h2>
        <p class="did" data-testid="identity-did" aria-labelledby="did-head">
          {did}
        </p>
        <CopyButton kind="primary" text={did} testId="identity-copy" />
        <p class="fine">It is public: show it to whom you like. It says nothing about you but that you are you.</p>
      </div>
    </div>
  );
}

function WayBack({ state }: { state: IdentityState }) {
  return (
    <section class={`card line-card ${state.wordsConfirmed ? "" : "card-warm"}`} aria-labelledby="way-head" data-testid="identity-recovery" data-confirmed={state.wordsConfirmed}>
      <Icon name={state.wordsConfirmed ? "check" : "key"} size={24} />
      <div>
        <h2 id="way-head">{state.wordsConfirmed ? "You have a way back in" : "Keep a way back in"}</h2>
        <p>{state.wordsConfirmed ? "Your 24 words are on paper. A backup file keeps the notes, too." : "If this device is lost or the browser’s data is cleared, only your 24 words bring this identity back. It takes two minutes."}</p>
      </div>
      <Button kind={state.wordsConfirmed ? "plain" : "primary"} data-testid="identity-recovery-open" onClick={() => go("#/recovery")}>
        {state.wordsConfirmed ? "Ways back in" : "Write them down"}
      </Button>
    </section>
  );
}

const PROTECTION: Readonly<Record<KeyProtection, { title: string; text: string; good: boolean }>> = {
  platform: {
    title: "Kept by the browser, out of reach",
    text: "The device’s key was made inside the browser, and no page and no program that goes through it can take the key out, this app included. Somebody who copies the whole browser profile from the disk may get further; a passphrase that is asked for at the start stops that, too.",
    good: true,
  },
  file: { title: "Kept in a file", text: "The device’s key lies in a file that only your user of this computer may read. Whoever copies that file and the data can read the notes; a passphrase that is asked for at the start stops that.", good: true },
  memory: { title: "Kept until the page is closed", text: "This browser does not let the page keep a key (a private window, perhaps): the device’s key is gone when the last tab is closed. Your words and passphrase open what is stored.", good: false },
  none: { title: "Not guarded by the browser", text: "This browser has nowhere to guard a key, so what opens your notes lies beside them on the disk. Set a passphrase and have it asked for at the start: then the disk alone is of no use.", good: false },
};

function KeysCard({ state }: { state: IdentityState }) {
  const { title, text, good } = PROTECTION[state.protection];
  const sealed = state.askAtStart;
  return (
    <section class="card line-card" aria-labelledby="keys-head" data-testid="identity-protection" data-value={state.protection}>
      <Icon name={good || sealed ? "shield" : "alert"} size={24} />
      <div>
        <h2 id="keys-head">{title}</h2>
        <p>{text}</p>
        {sealed && <p class="line-note">A passphrase is asked for at the start: without it the stored notes cannot be read.</p>}
      </div>
      {canLock.value ? (
        <Button icon="lock" data-testid="identity-lock-now" onClick={() => void lockNow()}>
          Lock now
        </Button>
      ) : (
        <Button icon="lock" onClick={() => go("#/recovery")}>
          Set a passphrase
        </Button>
      )}
    </section>
  );
}

function DevicesCard({ devices }: { devices: readonly Device[] }) {
  const count = devices.filter((device) => device.removedAt === undefined).length;
  return (
    <section class="card line-card" aria-labelledby="devices-head" data-testid="identity-devices" data-count={count}>
      <Icon name="device" size={24} />
      <div>
        <h2 id="devices-head">{count === 1 ? "One device speaks for you" : `${count} devices speak for you`}</h2>
        <p>Each has a key of its own, so that one that is lost can be removed.</p>
      </div>
      <Button data-testid="identity-devices-open" onClick={() => go("#/devices")}>
        My devices
      </Button>
    </section>
  );
}

function RenewCard({ state }: { state: IdentityState }) {
  const { busy, run } = useWork();
  const rotate = async (): Promise<void> => {
    const yes = await ask(
      "Make a new key?",
      "You get a new DID and new words; the old words stop working. Whoever knows the old DID is led to the new one. What you signed stays valid. Do this when somebody may have seen your words, or when the paper is lost.",
      "Make a new key",
      { danger: true },
    );
    if (!yes) return;
    await run(async () => {
      if (!(await act(theAvatar().identity.rotate()))) return;
      notify("You have a new key. Write its words down now.");
      go("#/recovery");
    });
  };
  return (
    <section class="card" aria-labelledby="renew-head">
      <h2 id="renew-head">A new key</h2>
      <p>If your words were seen or lost, change the key. Your notes stay, and the old DID leads to the new one.</p>
      {state.formerDids.length > 0 && (
        <>
          <h3 class="small-head">Former DIDs, which lead to you</h3>
          <ol class="former" data-testid="identity-former" data-count={state.formerDids.length}>
            {state.formerDids.map((did) => (
              <li key={did}>{did}</li>
            ))}
          </ol>
        </>
      )}
      <div class="card-buttons">
        <Button icon="refresh" data-testid="identity-rotate" disabled={busy.value} onClick={() => void rotate()}>
          {busy.value ? "Making it…" : "Make a new key"}
        </Button>
      </div>
    </section>
  );
}
