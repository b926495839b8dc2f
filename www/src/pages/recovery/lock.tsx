import type { IdentityState } from "@dao/avatar";
import { theAvatar } from "../../node/avatar";
import { act, canLock } from "../../node/identity";
import { lockNow } from "../../shell/commands";
import { Button } from "../../ui/button";
import { Icon } from "../../ui/icons";

const TIMES: readonly { seconds: number; label: string }[] = [
  { seconds: 0, label: "Never" },
  { seconds: 60, label: "After a minute" },
  { seconds: 300, label: "After 5 minutes" },
  { seconds: 900, label: "After 15 minutes" },
  { seconds: 3600, label: "After an hour" },
];

/** When Avatar locks by itself. */
export function LockCard({ state }: { state: IdentityState }) {
  const times = TIMES.some(({ seconds }) => seconds === state.lockAfterSeconds) ? TIMES : [...TIMES, { seconds: state.lockAfterSeconds, label: `After ${state.lockAfterSeconds} seconds` }];
  return (
    <section class="card way-card" aria-labelledby="lock-head">
      <h2 id="lock-head">
        <Icon name="clock" />
        Locking
      </h2>
      <p>{canLock.value ? "When nobody has done anything for a while, in any tab, the notes are sealed again." : "Set a passphrase or a passkey first: something has to open the notes again."}</p>
      <div class="inline-form">
        <div class="field">
          <label for="lock-after">Lock by itself</label>
          <select id="lock-after" data-testid="lock-after" disabled={!canLock.value} value={String(state.lockAfterSeconds)} onChange={(event) => void act(theAvatar().identity.recovery.lockAfter(Number(event.currentTarget.value)))}>
            {times.map(({ seconds, label }) => (
              <option key={seconds} value={String(seconds)}>
                {label}
              </option>
            ))}
          </select>
        </div>
        <Button icon="lock" data-testid="recovery-lock-now" disabled={!canLock.value} onClick={() => void lockNow()}>
          Lock now
        </Button>
      </div>
    </section>
  );
}
