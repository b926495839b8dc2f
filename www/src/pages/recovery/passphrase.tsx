import type { IdentityState } from "@dao/avatar";
import { useSignal } from "@preact/signals";
import { theAvatar } from "../../node/avatar";
import { act } from "../../node/identity";
import { notify } from "../../shell/toasts";
import { Button } from "../../ui/button";
import { ask } from "../../ui/confirm";
import { SecretField } from "../../ui/field";
import { Icon } from "../../ui/icons";
import { useWork } from "../../ui/work";

const MIN_CHARACTERS = 8;
/** From this length on, a passphrase of ordinary words withstands guessing. */
const GOOD_CHARACTERS = 16;

/** A passphrase that opens the notes on this device. */
export function PassphraseCard({ state }: { state: IdentityState }) {
  const typed = useSignal("");
  const atStart = useSignal(state.askAtStart);
  const { busy, run } = useWork();
  const { length } = typed.value;
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (length < MIN_CHARACTERS || busy.value) return;
    await run(async () => {
      const done = await act(theAvatar().identity.recovery.setPassphrase(typed.value, { askAtStart: atStart.value }));
      typed.value = "";
      if (done) notify(atStart.value ? "Set. From now on Avatar asks for it when it starts." : "Set. It opens your notes whenever they are locked.");
    });
  };
  const remove = async (): Promise<void> => {
    if (!(await ask("Remove the passphrase?", "Your notes open by themselves on this device again, for everybody who can use this browser.", "Remove it", { danger: true }))) return;
    if (await act(theAvatar().identity.recovery.removePassphrase())) notify("The passphrase is removed.");
  };
  const hint = length === 0 ? "Four or five words that only you would put together are strong and easy to remember." : length < MIN_CHARACTERS ? `${MIN_CHARACTERS - length} more, at least.` : length < GOOD_CHARACTERS ? "It works. Longer is better: add a word." : "That is a strong one.";
  return (
    <section class={`card way-card ${state.hasPassphrase ? "way-done" : ""}`} data-testid="passphrase-card" data-set={state.hasPassphrase} aria-labelledby="passphrase-head">
      <h2 id="passphrase-head">
        <Icon name={state.hasPassphrase ? "check" : "lock"} />
        {state.hasPassphrase ? "A passphrase opens your notes" : "A passphrase for this device"}
      </h2>
      <p>
        {state.hasPassphrase
          ? state.askAtStart
            ? "Avatar asks for it when it starts, and whenever you lock it."
            : "Avatar asks for it whenever you lock it."
          : "With it you can lock Avatar: what lies on the disk is of no use to a thief without it. It is never stored and never leaves this device."}
      </p>
      <form onSubmit={(event) => void save(event)}>
        <SecretField label={state.hasPassphrase ? "New passphrase" : "Passphrase"} testId="passphrase-input" autocomplete="new-password" disabled={busy.value} value={typed.value} onValue={(value) => (typed.value = value)} hint={hint} />
        <label class="check">
          <input type="checkbox" data-testid="passphrase-ask-at-start" checked={atStart.value} onChange={(event) => (atStart.value = event.currentTarget.checked)} />
          <span>Ask for it whenever Avatar starts</span>
        </label>
        <div class="card-buttons">
          <Button kind={state.hasPassphrase ? "plain" : "primary"} icon="lock" type="submit" data-testid="passphrase-save" disabled={length < MIN_CHARACTERS || busy.value}>
            {busy.value ? "Setting…" : state.hasPassphrase ? "Change it" : "Set the passphrase"}
          </Button>
          {state.hasPassphrase && (
            <Button data-testid="passphrase-remove" onClick={() => void remove()}>
              Remove it
            </Button>
          )}
        </div>
      </form>
      <p class="fine">Forgotten passphrases cannot be reset; your 24 words open everything all the same.</p>
    </section>
  );
}
