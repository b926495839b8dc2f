import type { SaveState } from "../node/avatar";

const WORDS: Readonly<Record<SaveState, string>> = {
  saved: "Saved on this device",
  saving: "Saving…",
  memory: "Kept in this tab only",
  error: "Not saved",
};

/** Says where the person's words are. Not a live region: with each keystroke it would talk over the person. */
export function SaveBadge({ state, testId, words = WORDS[state] }: { state: SaveState; testId: string; words?: string }) {
  return (
    <span class="save-state" data-testid={testId} data-state={state} title={words}>
      <span class="save-dot" aria-hidden="true" />
      <span class="save-words">{words}</span>
    </span>
  );
}
