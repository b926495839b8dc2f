/**
 * The cursors of the person's other devices, live. Positions are those of the editor (each line break is one), in the text as its sender has it: every device says anew where its cursor is when a change moves
 * it, so only what is typed here moves the cursors of others meanwhile.
 */
import type { PresentDevice, Presence } from "@dao/avatar";
import { StateEffect, StateField, type EditorState, type Extension } from "@codemirror/state";
import { Decoration, EditorView, ViewPlugin, WidgetType, type DecorationSet, type ViewUpdate } from "@codemirror/view";
import { effect } from "@preact/signals";
import { COLOURS, colourOf } from "../devices/words";
import { nameOf, peers } from "../node/peers";
import { fromDocument } from "./binding";

/** Between two messages about a cursor that moves. */
const SAY_EVERY_MS = 50;

/** A cursor, and what is selected: from where it began to where it is. */
export interface Cursor {
  readonly device: string;
  readonly anchor: number;
  readonly head: number;
}

/** What another device says, if it is a cursor; it may be of another version. */
export function cursorOf({ device, data }: PresentDevice): Cursor | undefined {
  const { anchor, head } = (data ?? {}) as { anchor?: unknown; head?: unknown };
  const fits = (position: unknown): position is number => Number.isSafeInteger(position) && (position as number) >= 0;
  return fits(anchor) && fits(head) ? { device, anchor, head } : undefined;
}

/** What others say now. */
export const cursorsHeard = StateEffect.define<readonly Cursor[]>();

/** Where the cursors of others are. */
export const cursors = StateField.define<readonly Cursor[]>({
  create: () => [],
  update(value, transaction) {
    for (const each of transaction.effects) if (each.is(cursorsHeard)) return each.value;
    if (!transaction.docChanged || transaction.annotation(fromDocument)) return value;
    const { length } = transaction.startState.doc;
    const moved = (position: number): number => transaction.changes.mapPos(Math.min(position, length), 1);
    return value.map(({ device, anchor, head }) => ({ device, anchor: moved(anchor), head: moved(head) }));
  },
  provide: (field) => EditorView.decorations.from(field, (value) => (view) => decorate(view.state, value)),
});

class Caret extends WidgetType {
  constructor(
    readonly device: string,
    readonly name: string,
    readonly position: number,
  ) {
    super();
  }

  override eq(other: Caret): boolean {
    return other.device === this.device && other.name === this.name && other.position === this.position;
  }

  override toDOM(): HTMLElement {
    const caret = document.createElement("span");
    caret.className = "cm-other-caret";
    caret.dataset["testid"] = "other-caret";
    caret.dataset["device"] = this.device;
    caret.dataset["colour"] = String(colourOf(this.device));
    caret.dataset["name"] = this.name;
    // The bar above says who is there.
    caret.ariaHidden = "true";
    return caret;
  }

  override ignoreEvent(): boolean {
    return true;
  }
}

const SELECTIONS = Array.from({ length: COLOURS }, (_, colour) => Decoration.mark({ class: "cm-other-selection", attributes: { "data-colour": String(colour) } }));

function decorate(state: EditorState, value: readonly Cursor[]): DecorationSet {
  const { length } = state.doc;
  return Decoration.set(
    value.flatMap(({ device, anchor, head }) => {
      const [from, to, at] = [Math.min(anchor, head, length), Math.min(Math.max(anchor, head), length), Math.min(head, length)];
      const caret = Decoration.widget({ widget: new Caret(device, nameOf(device), at), side: 1 }).range(at);
      return from < to ? [(SELECTIONS[colourOf(device)] as Decoration).range(from, to), caret] : [caret];
    }),
    true,
  );
}

/** Shows the cursors of others at a note, and tells them this one. */
export function otherCursors(presence: Presence): Extension {
  const plugin = ViewPlugin.define((view) => {
    let saidAt = -Infinity;
    let said = "";
    let planned: ReturnType<typeof setTimeout> | undefined;
    let gone = false;
    const say = (): void => {
      planned = undefined;
      if (gone || !peers.peek()?.devices.length) return;
      const { anchor, head } = view.state.selection.main;
      const now = `${anchor} ${head}`;
      if (now === said) return;
      said = now;
      saidAt = performance.now();
      presence.set({ anchor, head });
    };
    const plan = (): void => {
      planned ??= setTimeout(() => requestAnimationFrame(say), Math.max(0, saidAt + SAY_EVERY_MS - performance.now()));
    };
    // While it is made, a view cannot be told anything.
    const stopHearing = presence.subscribe((others) => queueMicrotask(() => gone || view.dispatch({ effects: cursorsHeard.of(others.map(cursorOf).filter((cursor) => cursor !== undefined)) })));
    // To nobody there is nothing to say; who comes has to be told where the cursor is.
    const stopFollowing = effect(() => {
      if ((peers.value?.devices.length ?? 0) > 0) plan();
      else said = "";
    });
    return {
      update(update: ViewUpdate): void {
        if (update.selectionSet || update.docChanged) plan();
      },
      destroy(): void {
        gone = true;
        clearTimeout(planned);
        stopHearing();
        stopFollowing();
      },
    };
  });
  return [cursors, plugin, style];
}

const style = EditorView.theme({
  ".cm-other-caret": { position: "relative", borderInlineStart: "2px solid var(--other)", marginInline: "-1px" },
  ".cm-other-caret::after": {
    content: "attr(data-name)",
    position: "absolute",
    insetBlockEnd: "100%",
    insetInlineStart: "-2px",
    padding: "0 6px",
    borderRadius: "6px 6px 6px 0",
    backgroundColor: "var(--other)",
    color: "var(--on-other)",
    font: "600 11px/1.5 var(--font-ui)",
    whiteSpace: "nowrap",
    pointerEvents: "none",
    userSelect: "none",
    animation: "other-name 2.4s ease-in forwards",
  },
  "@keyframes other-name": { "70%": { opacity: "1" }, "100%": { opacity: "0" } },
  ".cm-other-caret:hover::after": { animation: "none" },
  ".cm-other-selection": { backgroundColor: "color-mix(in srgb, var(--other) 25%, transparent)" },
});
