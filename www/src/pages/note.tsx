/** One note: title, tags, text, and what links here. */
import type { DocumentId, Presence, PresentDevice } from "@dao/avatar";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { colourOf } from "../devices/words";
import { linkKey } from "../markdown/links";
import { exportPaths } from "../markdown/paths";
import { encodeFile } from "../markdown/encoding";
import { saveState, theAvatar, tracked } from "../node/avatar";
import { identity } from "../node/identity";
import { useLiveQuery } from "../node/live";
import { nameOf } from "../node/peers";
import { backlinksSpec, findByName, shownTitle, type Note } from "../node/notes";
import { OpenNote } from "../node/open-note";
import { codeOf, wordsFor } from "../node/words";
import { download } from "../export/run";
import type { Editor } from "../editor/editor";
import { justCreated, newNote, noteCommands } from "../shell/commands";
import { go, noteAddress } from "../shell/router";
import { SaveBadge } from "../shell/save-state";
import { notify, notifyError } from "../shell/toasts";
import { ask } from "../ui/confirm";
import { Button, IconButton } from "../ui/button";
import { Icon } from "../ui/icons";
import { showTag } from "./list-state";

export function NoteView({ id }: { id: DocumentId }) {
  const note = useSignal<OpenNote | undefined>(undefined);
  const failure = useSignal<unknown>(undefined);
  useEffect(() => {
    let gone = false;
    OpenNote.open(id).then(
      (opened) => {
        if (gone) void opened.close();
        else note.value = opened;
      },
      (error: unknown) => (failure.value = error),
    );
    // What was typed last must reach the index also when the tab is closed or the phone put away.
    const leave = (): void => {
      if (document.visibilityState === "hidden") note.peek()?.settle();
    };
    document.addEventListener("visibilitychange", leave);
    return () => {
      gone = true;
      document.removeEventListener("visibilitychange", leave);
      // After the parts of the page, which are taken off in this turn and may still have something to write: the title that was just typed.
      queueMicrotask(() => void note.peek()?.close());
    };
  }, [id]);
  if (failure.value !== undefined) {
    const words = wordsFor(failure.value);
    return (
      <div class="no-note" role="alert" data-testid="note-error" data-code={codeOf(failure.value)}>
        <Icon name="alert" size={40} />
        <h2>{words.title}</h2>
        <p>{words.text}</p>
        <Button onClick={() => go("#/")}>All notes</Button>
      </div>
    );
  }
  if (!note.value) return <div class="loading" aria-busy="true" aria-label="Opening the note" />;
  return <Opened note={note.value} />;
}

function Opened({ note }: { note: OpenNote }) {
  const id = note.doc.id;
  const reading = useSignal(false);
  const ready = useSignal(false);
  const editor = useRef<Editor | undefined>(undefined);
  const { title, tags, names, path, problem, encoding } = note.state.value;

  // The browser writes a tab's title into its history, in clear: it is not told what somebody has sealed with a passphrase.
  const sealed = identity.value?.askAtStart === true;
  useEffect(() => {
    document.title = sealed ? "Note · Avatar" : `${shownTitle(title)} · Avatar`;
  }, [title, sealed]);

  const openLink = (key: string, words: string): void => {
    findByName(key).then((found) => {
      if (found !== undefined) go(noteAddress(found));
      else
        notify(`There is no note “${words}” yet.`, {
          action: { label: "Create it", run: () => void newNote(words) },
        });
    }, notifyError);
  };
  const toggleReading = (): void => void (reading.value = !reading.value);
  const remove = async (): Promise<void> => {
    const sure = await ask(`Delete “${shownTitle(title)}”?`, "The note and its history are removed from this device. This cannot be undone.", "Delete", { danger: true });
    if (!sure) return;
    await tracked(theAvatar().docs.delete(id));
    go("#/", { replace: true });
  };
  const exportOne = (): void => {
    const { body, encoding: written } = note.doc.value;
    const [file] = exportPaths([{ path: path.split("/").at(-1) ?? "", title }]);
    download(file as string, [encodeFile(body ?? "", written)], "text/markdown");
  };

  useEffect(() => {
    noteCommands.value = [
      { id: "preview", label: reading.value ? "Write" : "Read (preview)", icon: reading.value ? "pen" : "eye", keys: "Mod+E", run: toggleReading },
      { id: "export-note", label: "Export this note", icon: "export", run: exportOne },
      { id: "delete-note", label: "Delete this note", icon: "trash", run: () => void remove() },
    ];
    return () => void (noteCommands.value = []);
  }, [id, reading.value, title]);

  if (note.deleted.value) {
    return (
      <div class="no-note" data-testid="note-deleted" role="alert">
        <Icon name="trash" size={40} />
        <p>This note was deleted.</p>
        <Button onClick={() => go("#/")}>All notes</Button>
      </div>
    );
  }
  return (
    <article class="note" data-testid="note-view" data-id={id} data-ready={ready.value} aria-label={shownTitle(title)}>
      <header class="note-bar">
        <IconButton icon="back" label="All notes" data-testid="note-back" onClick={() => go("#/")} />
        <SaveBadge testId="note-save-state" state={saveState.value === "error" || saveState.value === "memory" ? saveState.value : note.saved.value ? "saved" : "saving"} />
        <span class="note-bar-space" />
        <Others presence={note.doc.presence} />
        <IconButton icon="undo" label="Undo" data-testid="undo" disabled={!note.canUndo.value} onClick={() => void note.undo()} />
        <IconButton icon="redo" label="Redo" data-testid="redo" disabled={!note.canRedo.value} onClick={() => void note.redo()} />
        <IconButton icon={reading.value ? "pen" : "eye"} label={reading.value ? "Write" : "Read"} data-testid="preview-toggle" aria-pressed={reading.value} onClick={toggleReading} />
        <IconButton icon="export" label="Export this note" data-testid="note-export" onClick={exportOne} />
        <IconButton icon="trash" label="Delete this note" data-testid="note-delete" onClick={() => void remove()} />
      </header>
      <div class="note-scroll" data-scroll="note">
        <div class="note-sheet">
          <TitleField note={note} onEnter={() => editor.current?.focus()} />
          <Tags note={note} tags={tags} />
          {(problem !== undefined || encoding !== undefined) && (
            <p class="note-notice" data-testid="note-notice">
              <Icon name="info" size={18} />
              <span>{problem !== undefined ? `${problem} It is kept as text.` : `This file is in ${encoding}; the export writes it the same way.`}</span>
            </p>
          )}
          <div hidden={reading.value}>
            <EditorHost note={note} editor={editor} onReady={() => (ready.value = true)} openLink={openLink} />
          </div>
          {reading.value && <Preview note={note} path={path} openLink={openLink} />}
          <Backlinks id={id} names={names} />
        </div>
      </div>
    </article>
  );
}

/** Who else has this note open. */
function Others({ presence }: { presence: Presence }) {
  const others = useSignal<readonly PresentDevice[]>([]);
  useEffect(() => presence.subscribe((now) => (others.value = now)), [presence]);
  return (
    <div class="others" role="status" data-testid="others" data-count={others.value.length}>
      {others.value.map(({ device }) => (
        <span key={device} class="other" data-testid="other" data-device={device} data-colour={colourOf(device)} title={`${nameOf(device)} is here, too`}>
          {nameOf(device)}
        </span>
      ))}
    </div>
  );
}

const TITLE_REST_MS = 400;

function TitleField({ note, onEnter }: { note: OpenNote; onEnter: () => void }) {
  const field = useRef<HTMLTextAreaElement>(null);
  /** What was typed and not yet written. Kept beside the field: when the page is taken off, the field goes first. */
  const typed = useRef<{ text: string; timer: ReturnType<typeof setTimeout> } | undefined>(undefined);
  const { title } = note.state.value;
  // While it is typed in, the field is the person's; then it shows the note's title again.
  useEffect(() => {
    const element = field.current as HTMLTextAreaElement;
    if (typed.current === undefined && element.value !== title) element.value = title;
    fit(element);
  }, [title]);
  useEffect(() => {
    if (justCreated.peek() === note.doc.id) {
      justCreated.value = undefined;
      field.current?.focus();
    }
    const observer = new ResizeObserver(() => field.current && fit(field.current));
    observer.observe(field.current as Element);
    return () => {
      observer.disconnect();
      commit();
    };
  }, []);
  const commit = (): void => {
    if (typed.current === undefined) return;
    const { text, timer } = typed.current;
    clearTimeout(timer);
    typed.current = undefined;
    note.setTitle(text);
  };
  return (
    <textarea
      ref={field}
      class="note-title"
      data-testid="note-title"
      autocomplete="off"
      aria-label="Title"
      placeholder="Title"
      rows={1}
      dir="auto"
      enterkeyhint="next"
      autocapitalize="sentences"
      onInput={(event) => {
        fit(event.currentTarget);
        clearTimeout(typed.current?.timer);
        typed.current = { text: event.currentTarget.value, timer: setTimeout(commit, TITLE_REST_MS) };
      }}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key !== "Enter" || event.isComposing) return;
        event.preventDefault();
        commit();
        onEnter();
      }}
    />
  );
}

/** As high as its text. */
function fit(element: HTMLTextAreaElement): void {
  element.style.blockSize = "auto";
  element.style.blockSize = `${element.scrollHeight}px`;
}

function Tags({ note, tags }: { note: OpenNote; tags: readonly string[] }) {
  const add = (field: HTMLInputElement): void => {
    if (field.value.trim() !== "") note.addTag(field.value);
    field.value = "";
  };
  return (
    <div class="note-tags" role="group" aria-label="Tags">
      {tags.map((tag) => (
        <span key={tag} class="tag-chip" data-testid="tag-chip" data-tag={tag}>
          <button type="button" class="tag-chip-name" title={`Show notes with #${tag}`} onClick={() => (showTag(tag), go("#/"))}>
            #{tag}
          </button>
          <button type="button" class="tag-chip-remove" data-testid="tag-remove" aria-label={`Remove the tag ${tag}`} onClick={() => note.removeTag(tag)}>
            <Icon name="close" size={12} />
          </button>
        </span>
      ))}
      <input
        class="tag-input"
        data-testid="tag-input"
        aria-label="Add a tag"
        placeholder={tags.length === 0 ? "Add a tag" : "+"}
        autocomplete="off"
        autocapitalize="none"
        onKeyDown={(event) => {
          if ((event.key === "Enter" || event.key === ",") && !event.isComposing) {
            event.preventDefault();
            add(event.currentTarget);
          } else if (event.key === "Backspace" && event.currentTarget.value === "" && tags.length > 0) {
            note.removeTag(tags.at(-1) as string);
          }
        }}
        onBlur={(event) => add(event.currentTarget)}
      />
    </div>
  );
}

interface LinkProps {
  readonly openLink: (key: string, words: string) => void;
}

function EditorHost({ note, editor, onReady, openLink }: { note: OpenNote; editor: { current: Editor | undefined }; onReady: () => void } & LinkProps) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let gone = false;
    import(/* webpackChunkName: "editor" */ "../editor/editor").then(({ openEditor }) => {
      if (gone || !host.current) return;
      editor.current = openEditor({
        doc: note.doc,
        parent: host.current,
        onWrite: note.write,
        isUndoing: () => note.isUndoing,
        undo: () => void note.undo(),
        redo: () => void note.redo(),
        leave: () => (document.activeElement as HTMLElement | null)?.blur(),
        openLink: (target) => openLink(linkKey(target), target),
        openTag: (tag) => {
          showTag(tag);
          go("#/");
        },
      });
      onReady();
    }, notifyError);
    return () => {
      gone = true;
      editor.current?.destroy();
      editor.current = undefined;
    };
  }, []);
  return <div class="editor" data-testid="editor" ref={host} onClick={(event) => event.target === host.current && editor.current?.focus()} />;
}

function Preview({ note, path, openLink }: { note: OpenNote; path: string } & LinkProps) {
  const host = useRef<HTMLDivElement>(null);
  const links = useRef<typeof import("../preview/render") | undefined>(undefined);
  const revision = note.revision.value;
  const { title } = note.state.value;
  useEffect(() => {
    let gone = false;
    import(/* webpackChunkName: "preview" */ "../preview/render").then((module) => {
      links.current = module;
      if (!gone && host.current) module.renderMarkdown(note.doc.value.body ?? "", title, host.current);
    }, notifyError);
    return () => void (gone = true);
  }, [revision, title]);
  return (
    <div
      ref={host}
      class="preview"
      data-testid="preview"
      dir="auto"
      onClick={(event) => {
        const link = (event.target as Element).closest("a");
        if (!link || !links.current) return;
        const target = links.current.previewTarget(link, path);
        if (target === "elsewhere") return;
        event.preventDefault();
        if (target !== "nothing") openLink(target.note, target.title);
      }}
    />
  );
}

const BACKLINKS_SHOWN = 8;

function Backlinks({ id, names }: { id: DocumentId; names: readonly string[] }) {
  const rows = useLiveQuery<Note>(names.length === 0 ? undefined : backlinksSpec(names), names.join("\n"));
  const all = useSignal(false);
  const others = (rows.value ?? []).filter((row) => row.id !== id);
  // A note may link to itself: that is none of the others.
  const count = (rows.value?.total ?? 0) - ((rows.value?.length ?? 0) - others.length);
  return (
    <section class="backlinks" data-testid="backlinks" data-count={count} aria-labelledby="backlinks-head">
      <h2 id="backlinks-head">
        <Icon name="link" size={16} />
        {count === 0 ? "No note links here yet" : count === 1 ? "1 note links here" : `${count.toLocaleString()} notes link here`}
      </h2>
      {others.length > 0 && (
        <ul>
          {(all.value ? others : others.slice(0, BACKLINKS_SHOWN)).map((row) => (
            <li key={row.id}>
              <a href={noteAddress(row.id)} data-testid="backlink-row" data-id={row.id} onClick={(event) => (event.preventDefault(), go(noteAddress(row.id)))}>
                <strong dir="auto">{shownTitle(row.value.title)}</strong>
                <span dir="auto">{row.value.excerpt}</span>
              </a>
            </li>
          ))}
        </ul>
      )}
      {others.length > BACKLINKS_SHOWN && !all.value && (
        <Button onClick={() => (all.value = true)}>Show {others.length} of them</Button>
      )}
    </section>
  );
}
