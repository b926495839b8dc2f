import type { IdentityState } from "@dao/avatar";
import { useSignal } from "@preact/signals";
import { theAvatar } from "../../node/avatar";
import { act } from "../../node/identity";
import { notify } from "../../shell/toasts";
import { Button, IconButton } from "../../ui/button";
import { ask } from "../../ui/confirm";
import { Field } from "../../ui/field";
import { Icon } from "../../ui/icons";
import { useWork } from "../../ui/work";

/** Passkeys: a finger, a face or a security key opens the notes. */
export function PasskeysCard({ state }: { state: IdentityState }) {
  const label = useSignal("");
  const { busy, run } = useWork();
  const add = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy.value) return;
    const name = label.value.trim() || `Passkey ${state.passkeys.length + 1}`;
    await run(async () => {
      if (!(await act(theAvatar().identity.recovery.addPasskey({ label: name })))) return;
      label.value = "";
      notify(`“${name}” opens your notes now, too.`);
    });
  };
  const remove = async (id: string, name: string): Promise<void> => {
    if (!(await ask(`Remove “${name}”?`, "It does not open your notes any more. Your browser or security key may still list it; you can delete it there, too.", "Remove it", { danger: true }))) return;
    await act(theAvatar().identity.recovery.removePasskey(id));
  };
  return (
    <section class={`card way-card ${state.passkeys.length > 0 ? "way-done" : ""}`} data-testid="passkeys-card" data-count={state.passkeys.length} aria-labelledby="passkeys-head">
      <h2 id="passkeys-head">
        <Icon name={state.passkeys.length > 0 ? "check" : "passkey"} />
        {state.passkeys.length > 0 ? "Passkeys that open your notes" : "A passkey, for convenience"}
      </h2>
      <p>Your finger, your face, a PIN or a security key in place of typing. It is a further way in beside words and passphrase, never the only one.</p>
      {state.passkeys.length > 0 && (
        <ul class="rows">
          {state.passkeys.map((passkey) => (
            <li key={passkey.id} data-testid="passkey-item" data-id={passkey.id}>
              <Icon name="passkey" />
              <span>{passkey.label || "Passkey"}</span>
              <IconButton icon="trash" label={`Remove ${passkey.label || "passkey"}`} data-testid="passkey-remove" onClick={() => void remove(passkey.id, passkey.label || "Passkey")} />
            </li>
          ))}
        </ul>
      )}
      <form class="inline-form" onSubmit={(event) => void add(event)}>
        <Field label="What to call it" testId="passkey-label" placeholder="My laptop" maxLength={64} value={label.value} onValue={(value) => (label.value = value)} />
        <Button icon="plus" type="submit" data-testid="passkey-add" disabled={busy.value}>
          {busy.value ? "Waiting for you…" : "Add a passkey"}
        </Button>
      </form>
    </section>
  );
}
