import type { ComponentChildren, JSX } from "preact";
import { Icon, type IconName } from "./icons";

type ButtonProps = JSX.IntrinsicElements["button"] & { kind?: "primary" | "quiet" | "plain" | "danger"; icon?: IconName; children?: ComponentChildren };

/** A button with words. */
export function Button({ kind = "plain", icon, children, ...rest }: ButtonProps) {
  return (
    <button type="button" {...rest} class={`button button-${kind}`}>
      {icon && <Icon name={icon} size={18} />}
      <span>{children}</span>
    </button>
  );
}

/** A button with an icon alone; its name is read out and shown as a tip. */
export function IconButton({ icon, label, ...rest }: JSX.IntrinsicElements["button"] & { icon: IconName; label: string }) {
  return (
    <button type="button" {...rest} class="icon-button" aria-label={label} title={label}>
      <Icon name={icon} />
    </button>
  );
}
