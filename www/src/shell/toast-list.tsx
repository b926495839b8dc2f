import { Icon } from "../ui/icons";
import { dismiss, toasts } from "./toasts";

/** The messages. The regions exist from the start: screen readers announce only what is added to them. */
export function ToastList() {
  const shown = toasts.value;
  const draw = (kind: "info" | "error") =>
    shown
      .filter((toast) => toast.kind === kind)
      .map((toast) => (
        <div key={toast.id} class={`toast toast-${kind}`} data-testid="toast" data-kind={kind} data-code={toast.code}>
          <Icon name={kind === "error" ? "alert" : "check"} />
          <div class="toast-text">
            {toast.title && <strong>{toast.title}</strong>}
            <span>{toast.text}</span>
          </div>
          {toast.action && (
            <button
              type="button"
              class="toast-action"
              onClick={() => {
                dismiss(toast.id);
                toast.action?.run();
              }}
            >
              {toast.action.label}
            </button>
          )}
          <button type="button" class="icon-button" data-testid="toast-close" aria-label="Close message" onClick={() => dismiss(toast.id)}>
            <Icon name="close" size={16} />
          </button>
        </div>
      ));
  return (
    <div class="toasts">
      <div role="alert">{draw("error")}</div>
      <div role="status">{draw("info")}</div>
    </div>
  );
}
