import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { foldText } from "../markdown/fold";
import { useLiveQuery } from "../node/live";
import { NOTE, shownTitle, whereFor, type Note } from "../node/notes";
import { Icon, type IconName } from "../ui/icons";
import { Modal } from "../ui/dialog";
import { COMMANDS, noteCommands, newNote, paletteOpen, shownKeys } from "./commands";
import { go, noteAddress } from "./router";

interface Item {
  readonly key: string;
  readonly icon: IconName;
  readonly label: string;
  readonly detail?: string;
  readonly keys?: string;
  readonly run: () => void;
}

const NOTES_SHOWN = 8;

/** Notes and commands, by a few letters (Ctrl+K). */
export function Palette() {
  return paletteOpen.value ? <OpenPalette /> : null;
}

function OpenPalette() {
  const words = useSignal("");
  const at = useSignal(0);
  const list = useRef<HTMLUListElement>(null);
  const close = (): void => void (paletteOpen.value = false);
  const query = words.value.trim();
  const notes = useLiveQuery<Note>(
    { type: NOTE, where: whereFor({ words: query, tag: undefined }), orderBy: ["-updatedAt"], limit: NOTES_SHOWN, select: ["title", "path"] },
    query,
  );
  const items = useComputed<Item[]>(() => {
    const folded = foldText(words.value);
    const commands = [...noteCommands.value, ...COMMANDS]
      .filter((command) => folded.split(" ").every((word) => foldText(command.label).includes(word)))
      .map<Item>((command) => ({ key: command.id, icon: command.icon, label: command.label, ...(command.keys ? { keys: command.keys } : {}), run: command.run }));
    const found = (notes.value ?? []).map<Item>((row) => ({
      key: row.id,
      icon: "notes",
      label: shownTitle(row.value.title),
      ...(row.value.path ? { detail: row.value.path } : {}),
      run: () => go(noteAddress(row.id)),
    }));
    const title = words.value.trim();
    const make: Item[] = title === "" ? [] : [{ key: "make", icon: "plus", label: `New note “${title}”`, run: () => void newNote(title) }];
    return title === "" ? [...commands.slice(0, 3), ...found, ...commands.slice(3)] : [...found, ...commands, ...make];
  });
  useEffect(() => {
    at.value = 0;
  }, [query]);
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [at.value]);

  const choose = (item: Item | undefined): void => {
    if (!item) return;
    close();
    // The dialog gives the focus back when it is taken off the page; then the command may take it.
    setTimeout(item.run);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const count = items.value.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (count > 0) at.value = (at.value + (event.key === "ArrowDown" ? 1 : count - 1)) % count;
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      choose(items.value[at.value]);
    }
  };
  return (
    <Modal label="Find a note or a command" testId="palette" className="palette" onClose={close}>
      <div class="palette-field">
        <Icon name="search" />
        <input
          data-testid="palette-input"
          type="text"
          data-focus
          autocomplete="off"
          spellcheck={false}
          placeholder="Find a note or a command"
          role="combobox"
          aria-label="Find a note or a command"
          aria-expanded="true"
          aria-controls="palette-items"
          aria-activedescendant={items.value.length > 0 ? `palette-item-${at.value}` : undefined}
          value={words.value}
          onInput={(event) => (words.value = event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
        <kbd>Esc</kbd>
      </div>
      <ul ref={list} id="palette-items" class="palette-items" role="listbox" aria-label="Notes and commands">
        {items.value.map((item, index) => (
          <li
            key={item.key}
            id={`palette-item-${index}`}
            class="palette-item"
            role="option"
            aria-selected={index === at.value}
            data-testid="palette-item"
            data-command={item.key}
            onPointerMove={() => (at.value = index)}
            onClick={() => choose(item)}
          >
            <Icon name={item.icon} size={18} />
            <span class="palette-label">{item.label}</span>
            {item.detail && <span class="palette-detail">{item.detail}</span>}
            {item.keys && (
              <span class="palette-keys">
                {shownKeys(item.keys).map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </span>
            )}
          </li>
        ))}
      </ul>
    </Modal>
  );
}
