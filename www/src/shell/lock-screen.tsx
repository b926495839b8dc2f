import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { UnlockSecret } from "@dao/avatar";
import { theAvatar, writesInFlight } from "../node/avatar";
import { identity } from "../node/identity";
import { codeOf, wordsFor } from "../node/words";
import { Button } from "../ui/button";
import { LongField, SecretField } from "../ui/field";
import { Logo } from "../ui/icons";
import { sentence } from "../ui/sentence";
import { useWork } from "../ui/work";
import { helpOpen, paletteOpen } from "./commands";

type How = "passphrase" | "words";

/** In place of every page while the node is locked. */
export function LockScreen() {
  const state = identity.value;
  const hasPassphrase = state?.hasPassphrase ?? false;
  const hasPasskey = (state?.passkeys.length ?? 0) > 0;
  const how = useSignal<How>(hasPassphrase || hasPasskey ? "passphrase" : "words");
  const typed = useSignal("");
  const { busy, run } = useWork();
  const wrong = useSignal<string | undefined>(undefined);
  const waiting = writesInFlight.value;
  useEffect(() => {
    document.title = "Locked · Avatar";
    paletteOpen.value = false;
    helpOpen.value = false;
  }, []);
  // What waits lives in this tab alone.
  useEffect(() => {
    if (waiting === 0) return undefined;
    const warn = (event: BeforeUnloadEvent): void => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [waiting === 0]);

  const unlock = async (secret: UnlockSecret): Promise<void> => {
    wrong.value = undefined;
    const failed = (error: unknown): void => {
      const code = codeOf(error);
      if (code === "WRONG_SECRET" || code === "INVALID_ARGUMENT") wrong.value = how.value === "words" && !("passkey" in secret) ? "These are not the words of this node. Look at them again, one by one." : "That is not it. Try again.";
      else if (code === "CANCELLED") wrong.value = "The passkey was not given.";
      else wrong.value = wordsFor(error).text;
    };
    await run(async () => void (identity.value = await theAvatar().identity.unlock(secret)), failed);
    typed.value = "";
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    if (typed.value.trim() === "" || busy.value) return;
    void unlock(how.value === "words" ? { words: typed.value } : { passphrase: typed.value });
  };
  const showsPassphrase = how.value === "passphrase" && hasPassphrase;
  return (
    <section class="lock" data-testid="lock-screen" aria-labelledby="lock-title">
      <div class="lock-inner">
        <Logo size={64} />
        <h1 id="lock-title">Welcome back</h1>
        <p class="lock-lead">{state?.lockedReason ? `${sentence(state.lockedReason)}. ` : ""}Your notes are sealed until you open them.</p>
        {waiting > 0 && (
          <p class="lock-waiting" data-testid="lock-waiting" role="status">
            What you typed last waits in this tab. It is saved as soon as you unlock; keep the tab open.
          </p>
        )}
        <form onSubmit={submit}>
          {showsPassphrase && (
            <SecretField
              key="passphrase"
              label="Passphrase"
              testId="unlock-passphrase"
              autocomplete="current-password"
              focus
              disabled={busy.value}
              value={typed.value}
              onValue={(value) => (typed.value = value)}
              error={wrong.value}
            />
          )}
          {how.value === "words" && (
            <LongField
              key="words"
              label="Your 24 words"
              testId="unlock-words"
              hint="In their order, with a space between them. The first four letters of each are enough."
              disabled={busy.value}
              value={typed.value}
              onValue={(value) => (typed.value = value)}
              error={wrong.value}
            />
          )}
          {!showsPassphrase && how.value === "passphrase" && wrong.value && <p class="field-error">{wrong.value}</p>}
          <span class="visually-hidden" role="alert" data-testid="unlock-error">
            {wrong.value ?? ""}
          </span>
          <div class="lock-buttons">
            {(showsPassphrase || how.value === "words") && (
              <Button kind="primary" icon="lock" type="submit" data-testid="unlock-submit" disabled={busy.value || typed.value.trim() === ""}>
                {busy.value ? "Opening…" : "Unlock"}
              </Button>
            )}
            {hasPasskey && how.value === "passphrase" && (
              <Button kind={showsPassphrase ? "plain" : "primary"} icon="passkey" data-testid="unlock-passkey" disabled={busy.value} onClick={() => void unlock({ passkey: true })}>
                Use a passkey
              </Button>
            )}
          </div>
        </form>
        {(hasPassphrase || hasPasskey) && (
          <button
            type="button"
            class="link-button"
            data-testid="unlock-other"
            onClick={() => {
              how.value = how.value === "words" ? "passphrase" : "words";
              typed.value = "";
              wrong.value = undefined;
            }}
          >
            {how.value === "passphrase" ? "Use the 24 recovery words" : hasPassphrase ? "Use the passphrase" : "Use a passkey"}
          </button>
        )}
      </div>
    </section>
  );
}
