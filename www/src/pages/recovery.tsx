import { identity } from "../node/identity";
import { Icon, type IconName } from "../ui/icons";
import { Page } from "../ui/page";
import { BackupCard } from "./recovery/backup";
import { LockCard } from "./recovery/lock";
import { PasskeysCard } from "./recovery/passkeys";
import { PassphraseCard } from "./recovery/passphrase";
import { WordsCard } from "./recovery/words";

/** How a person gets back in: after the loss of the device, and past the lock. */
export function RecoveryPage() {
  const state = identity.value;
  return (
    <Page title="Ways back in" lead="Nobody keeps a copy of your key, so nobody can reset it for you either. Two minutes now, and a lost or broken device costs you nothing.">
      {state === undefined ? (
        <div class="loading" aria-busy="true" />
      ) : (
        <>
          <ul class="ways" aria-label="What you have set up">
            <Way icon="key" label="Words" done={state.wordsConfirmed} />
            <Way icon="lock" label="Passphrase" done={state.hasPassphrase} />
            <Way icon="passkey" label="Passkey" done={state.passkeys.length > 0} />
          </ul>
          <WordsCard state={state} />
          <BackupCard state={state} />
          <PassphraseCard state={state} />
          <PasskeysCard state={state} />
          <LockCard state={state} />
        </>
      )}
    </Page>
  );
}

function Way({ icon, label, done }: { icon: IconName; label: string; done: boolean }) {
  return (
    <li data-done={done}>
      <Icon name={done ? "check" : icon} size={18} />
      <span>
        {label}
        <span class="visually-hidden">{done ? ": set up" : ": not set up yet"}</span>
      </span>
    </li>
  );
}
