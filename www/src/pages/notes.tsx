import { lazy } from "../ui/lazy";
import { useEffect, useRef } from "preact/hooks";
import { useLiveQuery } from "../node/live";
import { NOTE, type Note } from "../node/notes";
import { allTags } from "../node/tags";
import { COMMANDS, focusSearch, newNote, shownKeys } from "../shell/commands";
import { route } from "../shell/router";
import { Button } from "../ui/button";
import { Icon, Logo } from "../ui/icons";
import { tag, words } from "./list-state";
import { NoteList } from "./note-list";
import { WayBackReminder } from "./way-back-reminder";
import { Welcome } from "./welcome";

const NoteView = lazy(() => import(/* webpackChunkName: "page-note" */ "./note").then((module) => module.NoteView));

/** List and note: side by side where there is room, one after the other on a phone. */
export function NotesPage() {
  const current = route.value;
  // Counts without rows: what the person has in all, whatever the filter.
  const all = useLiveQuery<Note>({ type: NOTE, limit: 1, select: ["title"] }, "all");
  const total = all.value?.total;
  if (total === 0 && current.page === "notes") return <Welcome />;
  return (
    <div class="notes" data-open={current.page === "note" ? "note" : "list"}>
      <h1 class="visually-hidden">Notes</h1>
      <section class="list-pane" aria-label="All notes">
        <SearchField />
        <TagStrip />
        <WayBackReminder />
        <NoteList total={total} />
        <button type="button" class="fab" data-testid="new-note-fab" aria-label="New note" onClick={() => void newNote()}>
          <Icon name="plus" size={24} />
        </button>
      </section>
      <section class="note-pane" aria-label="Note">
        {current.page === "note" && current.id !== undefined ? (
          <NoteView key={current.id} id={current.id} />
        ) : (
          <NoNote />
        )}
      </section>
    </div>
  );
}

function SearchField() {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (focusSearch.value > 0) field.current?.select();
  }, [focusSearch.value]);
  return (
    <div class="search">
      <Icon name="search" size={18} />
      <input
        ref={field}
        data-testid="search"
        type="search"
        enterkeyhint="search"
        autocomplete="off"
        spellcheck={false}
        placeholder="Filter notes"
        aria-label="Filter notes"
        value={words.value}
        onInput={(event) => (words.value = event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape" && words.value !== "") {
            event.preventDefault();
            words.value = "";
          } else if (event.key === "ArrowDown" || event.key === "Enter") {
            event.preventDefault();
            document.querySelector<HTMLElement>('[data-testid="note-row"]')?.focus();
          }
        }}
      />
      {words.value === "" ? (
        <kbd aria-hidden="true">/</kbd>
      ) : (
        <button type="button" class="search-clear" aria-label="Clear the filter" onClick={() => ((words.value = ""), field.current?.focus())}>
          <Icon name="close" size={16} />
        </button>
      )}
    </div>
  );
}

/** Tags above the list: all there is on a phone; with a sidebar, only the one that filters. */
function TagStrip() {
  if (allTags.value.length === 0 && tag.value === undefined) return null;
  return (
    <div class="tag-strip" role="group" aria-label="Filter by tag">
      {tag.value !== undefined && (
        <button type="button" class="tag-pill" data-testid="tag-filter-clear" aria-pressed="true" aria-label={`Stop filtering by #${tag.value}`} onClick={() => (tag.value = undefined)}>
          #{tag.value} <Icon name="close" size={14} />
        </button>
      )}
      <span class="tag-strip-rest">
        {allTags.value
          .filter((item) => item.tag !== tag.value)
          .slice(0, 30)
          .map((item) => (
            <button key={item.tag} type="button" class="tag-pill" data-tag={item.tag} onClick={() => (tag.value = item.tag)}>
              #{item.tag}
            </button>
          ))}
      </span>
    </div>
  );
}

const HINTS = ["new-note", "search", "help"] as const;

function NoNote() {
  return (
    <div class="no-note">
      <Logo size={56} />
      <p>Choose a note, or write a new one.</p>
      <Button kind="primary" icon="plus" onClick={() => void newNote()}>
        New note
      </Button>
      <dl class="hints">
        {COMMANDS.filter((command) => (HINTS as readonly string[]).includes(command.id)).map((command) => (
          <div key={command.id}>
            <dt>{command.label}</dt>
            <dd>
              {shownKeys(command.keys ?? "").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
