import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  label: string;
  testId: string;
  value: string;
  onValue: (value: string) => void;
  hint?: ComponentChildren;
  error?: string | undefined;
  /** It takes the focus when it appears. */
  focus?: boolean;
  disabled?: boolean;
  placeholder?: string;
  /** Which of several fields of a kind it is. */
  index?: number;
}

interface LineProps extends FieldProps {
  type?: "text" | "password" | "url" | "date";
  autocomplete?: "off" | "current-password" | "new-password";
  maxLength?: number;
}

const takeFocus = (element: HTMLElement | null): void => element?.focus();
const leaveFocus = (): void => undefined;

/** What is said below a field: what is wrong, or else a hint. */
function More({ id, hint, error }: { id: string; hint: ComponentChildren; error: string | undefined }) {
  if (error === undefined && !hint) return null;
  return (
    <p id={id} class={error === undefined ? "field-hint" : "field-error"}>
      {error ?? hint}
    </p>
  );
}

/** A line to type in, with its name above it. */
export function Field({ label, testId, value, onValue, hint, error, focus = false, disabled = false, placeholder = "", index, type = "text", autocomplete = "off", maxLength = 10_000 }: LineProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        // One of several kinds; the types want to know which.
        type={type as "text"}
        ref={focus ? takeFocus : leaveFocus}
        data-testid={testId}
        data-index={index}
        autocomplete={autocomplete}
        autocapitalize="off"
        spellcheck={false}
        disabled={disabled}
        placeholder={placeholder}
        maxLength={maxLength}
        value={value}
        aria-invalid={error !== undefined}
        aria-describedby={hint || error ? `${id}-more` : undefined}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
      <More id={`${id}-more`} hint={hint} error={error} />
    </div>
  );
}

/** Several lines to type in. */
export function LongField({ label, testId, value, onValue, hint, error, focus = false, disabled = false, placeholder = "" }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea
        id={id}
        ref={focus ? takeFocus : leaveFocus}
        data-testid={testId}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        rows={4}
        disabled={disabled}
        placeholder={placeholder}
        value={value}
        aria-invalid={error !== undefined}
        aria-describedby={hint || error ? `${id}-more` : undefined}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
      <More id={`${id}-more`} hint={hint} error={error} />
    </div>
  );
}

/** A secret to type in: hidden until the person wants to see it. */
export function SecretField(props: Omit<LineProps, "type">) {
  const shown = useSignal(false);
  return (
    <div class="secret-field">
      <Field {...props} type={shown.value ? "text" : "password"} />
      <button type="button" class="link-button" aria-pressed={shown.value} onClick={() => (shown.value = !shown.value)}>
        {shown.value ? "Hide" : "Show"}
        <span class="visually-hidden"> what is typed under “{props.label}”</span>
      </button>
    </div>
  );
}
