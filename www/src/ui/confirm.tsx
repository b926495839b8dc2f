import { signal } from "@preact/signals";
import { Button } from "./button";
import { Modal } from "./dialog";

interface Question {
  readonly title: string;
  readonly text: string;
  readonly confirm: string;
  readonly danger: boolean;
  readonly answer: (yes: boolean) => void;
}

const question = signal<Question | undefined>(undefined);

/** Asks before something that cannot be taken back. */
export function ask(title: string, text: string, confirm: string, { danger = false } = {}): Promise<boolean> {
  question.value?.answer(false);
  return new Promise((resolve) => {
    question.value = {
      title,
      text,
      confirm,
      danger,
      answer: (yes) => {
        question.value = undefined;
        resolve(yes);
      },
    };
  });
}

/** Draws the question that is open. */
export function ConfirmDialog() {
  const open = question.value;
  if (!open) return null;
  return (
    <Modal label={open.title} testId="dialog" className="confirm" onClose={() => open.answer(false)}>
      <h2>{open.title}</h2>
      <p>{open.text}</p>
      <div class="modal-buttons">
        <Button data-testid="dialog-cancel" onClick={() => open.answer(false)}>
          Cancel
        </Button>
        <Button data-testid="dialog-confirm" kind={open.danger ? "danger" : "primary"} data-focus onClick={() => open.answer(true)}>
          {open.confirm}
        </Button>
      </div>
    </Modal>
  );
}
