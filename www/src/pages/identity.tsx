import type { Device, IdentityState, KeyProtection } from "@dao/avatar";
import { useSignal } from "@preact/signals";
import { theAvatar } from "../node/avatar";
import { act, canLock, identity } from "../node/identity";
import { lockNow } from "../shell/commands";
import { go } from "../shell/router";
import { notify } from "../shell/toasts";
import { Button, IconButton } from "../ui/button";
import { ask } from "../ui/confirm";
import { CopyButton } from "../ui/copy-button";
import { Icon } from "../ui/icons";
import { Page } from "../ui/page";
import { QrCode } from "../ui/qr-code";
import { sentence } from "../ui/sentence";
import { shownTime } from "../ui/time";
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
          <DevicesCard devices={state.devices} conflicts={state.conflicts} />
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

function DevicesCard({ devices, conflicts }: { devices: readonly Device[]; conflicts: readonly string[] }) {
  const editing = useSignal<string | undefined>(undefined);
  const remove = async (device: Device): Promise<void> => {
    if (!(await ask(`Remove “${device.name}”?`, "From now on it does not speak for you any more. That is written into a signed list that all your devices share, and cannot be undone; the device can be added again.", "Remove it", { danger: true }))) return;
    await act(theAvatar().identity.removeDevice(device.id));
  };
  const rename = async (device: Device, name: string): Promise<void> => {
    editing.value = undefined;
    if (name.trim() !== "" && name.trim() !== device.name) await act(theAvatar().identity.renameDevice(device.id, name.trim()));
  };
  return (
    <section class="card" aria-labelledby="devices-head">
      <h2 id="devices-head">Devices that speak for you</h2>
      <ul class="rows" data-testid="devices" data-count={devices.filter((device) => device.removedAt === undefined).length}>
        {devices.map((device) => (
          <li key={device.id} data-testid="device" data-id={device.id} data-this={device.thisDevice} data-removed={device.removedAt !== undefined}>
            <Icon name="device" />
            {editing.value === device.id ? (
              <form
                class="row-form"
                onSubmit={(event) => {
                  event.preventDefault();
                  void rename(device, new FormData(event.currentTarget).get("name") as string);
                }}
              >
                <input name="name" autocomplete="off" data-testid="device-name" aria-label="Name of the device" maxLength={64} value={device.name} ref={(input) => input?.select()} onKeyDown={(event) => event.key === "Escape" && (editing.value = undefined)} />
                <Button type="submit">Save</Button>
              </form>
            ) : (
              <span>
                {device.name || (device.thisDevice ? "This device" : "A device")}
                {device.thisDevice && <span class="pill">this one</span>}
                {device.removedAt && <span class="pill">removed {shownTime(device.removedAt)}</span>}
                {device.addedAt.getTime() > 0 && <small>since {shownTime(device.addedAt)}</small>}
              </span>
            )}
            {device.removedAt === undefined && editing.value !== device.id && (
              <>
                <IconButton icon="pen" label={`Rename ${device.name || "the device"}`} data-testid="device-rename" onClick={() => (editing.value = device.id)} />
                {!device.thisDevice && <IconButton icon="trash" label={`Remove ${device.name || "the device"}`} data-testid="device-remove" onClick={() => void remove(device)} />}
              </>
            )}
          </li>
        ))}
      </ul>
      {conflicts.length > 0 && (
        <div class="conflicts" role="status" data-testid="identity-conflicts" data-count={conflicts.length}>
          <h3 class="small-head">Your devices said things that exclude each other. This is how it was decided, everywhere alike:</h3>
          <ul class="lacking">
            {conflicts.map((conflict) => (
              <li key={conflict}>{sentence(conflict)}</li>
            ))}
          </ul>
        </div>
      )}
      <p class="fine">Devices find each other when they are connected; that part of Avatar is still being built.</p>
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
