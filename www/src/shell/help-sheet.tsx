import { IconButton } from "../ui/button";
import { Modal } from "../ui/dialog";
import { COMMANDS, helpOpen, shownKeys } from "./commands";

const MORE: readonly { keys: string; label: string }[] = [
  { keys: "Mod+K", label: "Find a note or a command" },
  { keys: "↑ ↓", label: "Move in the list" },
  { keys: "Mod+E", label: "Switch between writing and reading" },
  { keys: "Mod+Z", label: "Undo what you did (not what others did)" },
  { keys: "Mod+Shift+Z", label: "Redo" },
  { keys: "Mod+F", label: "Find in the note" },
  { keys: "[[", label: "Link to another note" },
  { keys: "Mod+Click", label: "Open the link under the pointer" },
  { keys: "Esc", label: "Leave the editor, close what is open" },
];

/** The sheet of shortcuts. */
export function HelpSheet() {
  if (!helpOpen.value) return null;
  const close = (): void => void (helpOpen.value = false);
  const rows = [...MORE.slice(0, 1), ...COMMANDS.flatMap(({ keys, label }) => (keys ? [{ keys, label }] : [])), ...MORE.slice(1)];
  return (
    <Modal label="Keyboard shortcuts" testId="help-sheet" className="help" onClose={close}>
      <header class="modal-head">
        <h2>Keyboard shortcuts</h2>
        <IconButton icon="close" label="Close" data-testid="help-close" onClick={close} />
      </header>
      <dl class="keys">
        {rows.map(({ keys, label }) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>
              {shownKeys(keys).map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
