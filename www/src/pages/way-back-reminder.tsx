/** A gentle reminder beside the notes, until the words are on paper or the person does not want to hear of it. */
import { useComputed, signal } from "@preact/signals";
import { identity } from "../node/identity";
import { go } from "../shell/router";
import { Button, IconButton } from "../ui/button";
import { Icon } from "../ui/icons";

const KEY = "avatar-way-back-later";
/** After "later" it comes back when there is more to lose. */
const QUIET_DAYS = 14;
const DAY_MS = 24 * 60 * 60 * 1_000;

function read(): number {
  try {
    return Number(localStorage.getItem(KEY) ?? 0);
  } catch {
    return 0;
  }
}

const quietUntil = signal(read());

function later(): void {
  quietUntil.value = Date.now() + QUIET_DAYS * DAY_MS;
  try {
    localStorage.setItem(KEY, String(quietUntil.value));
  } catch {
    // Not kept: quiet until the page is closed.
  }
}

export function WayBackReminder() {
  const shown = useComputed(() => identity.value !== undefined && !identity.value.wordsConfirmed && !identity.value.locked && quietUntil.value < Date.now());
  if (!shown.value) return null;
  return (
    <aside class="reminder" data-testid="keep-way-back" aria-labelledby="reminder-head">
      <Icon name="key" size={20} />
      <div>
        <h2 id="reminder-head">Keep a way back in</h2>
        <p>If this device breaks, 24 words on paper bring you back. It takes two minutes.</p>
        <Button kind="primary" data-testid="keep-way-back-open" onClick={() => go("#/recovery")}>
          Write them down
        </Button>
      </div>
      <IconButton icon="close" label="Not now" data-testid="keep-way-back-dismiss" onClick={later} />
    </aside>
  );
}
