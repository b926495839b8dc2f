import type { IdentityState } from "@dao/avatar";
import { useSignal } from "@preact/signals";
import { download } from "../../export/run";
import { theAvatar } from "../../node/avatar";
import { go } from "../../shell/router";
import { notify } from "../../shell/toasts";
import { Button } from "../../ui/button";
import { shownBytes } from "../../ui/bytes";
import { SecretField } from "../../ui/field";
import { Icon } from "../../ui/icons";
import { useWork } from "../../ui/work";

const MIN_CHARACTERS = 8;

/** Everything in one sealed file. */
export function BackupCard({ state }: { state: IdentityState }) {
  const own = useSignal(false);
  const passphrase = useSignal("");
  const { busy, run } = useWork();
  const ready = !own.value || passphrase.value.length >= MIN_CHARACTERS;
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (!ready || busy.value) return;
    await run(async () => {
      const file = await theAvatar().identity.recovery.backup(own.value ? { passphrase: passphrase.value } : {});
      const name = `avatar-backup-${new Date().toISOString().slice(0, 10)}.age`;
      download(name, [file], "application/octet-stream");
      notify(`${name}, ${shownBytes(file.size)}. Put it where a broken device cannot reach it.`);
      passphrase.value = "";
    });
  };
  return (
    <section class="card way-card" data-testid="backup-card" aria-labelledby="backup-head">
      <h2 id="backup-head">
        <Icon name="file" />
        A backup file
      </h2>
      <p>Notes, wallet and identity in one sealed file, for a stick or a cloud drive. {state.wordsConfirmed || own.value ? "" : "Write your words down first: they are what opens it. "}Your words bring back who you are; the backup brings back what you wrote.</p>
      <form onSubmit={(event) => void save(event)}>
        <fieldset class="choices">
          <legend>What opens the file</legend>
          <label class="check">
            <input type="radio" name="backup-how" data-testid="backup-by-words" checked={!own.value} onChange={() => (own.value = false)} />
            <span>My 24 words</span>
          </label>
          <label class="check">
            <input type="radio" name="backup-how" data-testid="backup-by-passphrase" checked={own.value} onChange={() => (own.value = true)} />
            <span>A passphrase for this file</span>
          </label>
        </fieldset>
        {own.value && <SecretField label="Passphrase of the file" testId="backup-passphrase" autocomplete="new-password" value={passphrase.value} onValue={(value) => (passphrase.value = value)} hint={`At least ${MIN_CHARACTERS} characters. Long is good: whoever has the file can guess in peace.`} />}
        <div class="card-buttons">
          <Button icon="export" type="submit" data-testid="backup-save" disabled={!ready || busy.value}>
            {busy.value ? "Sealing…" : "Save a backup"}
          </Button>
          <Button icon="door" onClick={() => go("#/restore")}>
            Open one
          </Button>
        </div>
      </form>
    </section>
  );
}
