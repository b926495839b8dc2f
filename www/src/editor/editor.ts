/** The Markdown editor, as one function: everything of CodeMirror is behind it, in a part of the app that is loaded with the first note. */
import "./adopted-styles";
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, indentWithTab } from "@codemirror/commands";
import { markdownKeymap } from "@codemirror/lang-markdown";
import { search, searchKeymap } from "@codemirror/search";
import { EditorState, Prec, type Extension } from "@codemirror/state";
import { drawSelection, dropCursor, EditorView, keymap, placeholder } from "@codemirror/view";
import type { Doc } from "@dao/avatar";
import type { Note } from "../node/notes";
import { bindNote, type OnWrite } from "./binding";
import { markdown } from "./bounded";
import { frontMatter } from "./front-matter";
import { look } from "./look";
import { otherCursors } from "./others";
import { complete, wikiLinksExtension, type LinkActions } from "./wiki-links";

/** From here on, text is shown plain: the Markdown parser reads a paragraph again at each key, and a file without empty lines is one paragraph. */
const PLAIN_FROM_CHARS = 1024 * 1024;

export interface EditorOptions extends LinkActions {
  readonly doc: Doc<Note>;
  readonly parent: HTMLElement;
  readonly onWrite: OnWrite;
  readonly isUndoing: () => boolean;
  readonly undo: () => void;
  readonly redo: () => void;
  /** The person wants out (Escape). */
  readonly leave: () => void;
}

export interface Editor {
  focus(): void;
  destroy(): void;
}

/**
 * The document undoes, not the editor: only the person's own changes, across reloads, whoever else is writing. By hand, not as key bindings: with Caps Lock on, Ctrl+Shift+Z
 * comes as a small "z", which CodeMirror takes for Ctrl+Z.
 */
function undoOfDocument({ undo, redo }: Pick<EditorOptions, "undo" | "redo">): Extension {
  const act = (event: Event, action: () => void): boolean => {
    event.preventDefault();
    action();
    return true;
  };
  return Prec.highest(
    EditorView.domEventHandlers({
      keydown(event) {
        if (!(event.ctrlKey || event.metaKey) || event.altKey) return false;
        const key = event.key.toLowerCase();
        if (key === "z") return act(event, event.shiftKey ? redo : undo);
        return key === "y" && !event.shiftKey ? act(event, redo) : false;
      },
      // The menus of the browser and of phones.
      beforeinput(event) {
        if (event.inputType === "historyUndo") return act(event, undo);
        return event.inputType === "historyRedo" ? act(event, redo) : false;
      },
    }),
  );
}

/** Shows the note's text in `parent`. */
export function openEditor(options: EditorOptions): Editor {
  const binding = bindNote(options.doc, options.onWrite, options.isUndoing);
  const run = (action: () => void) => (): boolean => {
    action();
    return true;
  };
  const view = new EditorView({
    parent: options.parent,
    state: EditorState.create({
      doc: binding.text,
      extensions: [
        binding.extension,
        undoOfDocument(options),
        keymap.of([...closeBracketsKeymap, ...completionKeymap, ...searchKeymap]),
        binding.text.length > PLAIN_FROM_CHARS ? [] : markdown,
        Prec.high(keymap.of(markdownKeymap)),
        keymap.of([...defaultKeymap.filter((binding) => binding.key !== "Mod-/"), indentWithTab, { key: "Escape", run: run(options.leave) }]),
        autocompletion({ override: [complete], icons: false }),
        closeBrackets(),
        search({ top: true }),
        drawSelection(),
        dropCursor(),
        EditorView.lineWrapping,
        EditorView.perLineTextDirection.of(true),
        EditorView.contentAttributes.of({ "aria-label": "Note text", spellcheck: "true", autocorrect: "on", autocapitalize: "sentences" }),
        placeholder("Write. [[ links to a note, # makes a tag."),
        wikiLinksExtension(options),
        frontMatter,
        otherCursors(options.doc.presence),
        look,
      ],
    }),
  });
  return { focus: () => view.focus(), destroy: () => view.destroy() };
}
