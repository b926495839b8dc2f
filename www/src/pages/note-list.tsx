/**
 * The list of notes. It is as fast with 10,000 notes as with ten: the index is asked for the rows in view (and some around them), and only those exist in the page.
 */
import type { QueryResults, QueryRow } from "@dao/avatar";
import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { foldText } from "../markdown/fold";
import { theAvatar } from "../node/avatar";
import { listSpec, shownTitle, type Note } from "../node/notes";
import { go, noteAddress, route } from "../shell/router";
import { notifyError } from "../shell/toasts";
import { shownTime } from "../ui/time";
import { isFiltered, listQuery, sort, tag, words } from "./list-state";

/** One row's height, fixed so that any row's place is known; the stylesheet has the same number (--row-height). */
const ROW_PX = 86;
/** Windows begin at multiples of this, so that small scrolls ask nothing new. */
const STEP = 25;
/** Rows kept ready before and behind those in view. */
const SPARE = 25;

type Row = QueryRow<Note>;

export function NoteList({ total }: { total: number | undefined }) {
  const scroller = useRef<HTMLDivElement>(null);
  const first = useSignal(0);
  const visible = useSignal(20);
  const shown = useSignal(0);
  /** Rows that are known, by place. Those of the last window stay until the next has come: no flicker. */
  const rows = useSignal<ReadonlyMap<number, Row>>(new Map());
  const settled = useSignal(false);

  const spec = useComputed(() => {
    const offset = Math.max(0, Math.floor((first.value - SPARE) / STEP) * STEP);
    const end = Math.ceil((first.value + visible.value + SPARE) / STEP) * STEP;
    return { list: listQuery.value, offset, limit: end - offset };
  });
  const key = useComputed(() => JSON.stringify(spec.value));

  // Another filter or order: from the top.
  const listKey = useComputed(() => JSON.stringify(listQuery.value));
  useEffect(() => {
    scroller.current?.scrollTo({ top: 0 });
    first.value = 0;
  }, [listKey.value]);

  const shownListKey = useRef("");
  useEffect(() => {
    const { list, offset, limit } = spec.peek();
    const forList = listKey.peek();
    settled.value = false;
    return theAvatar()
      .docs.query<Note>(listSpec(list, offset, limit))
      .subscribe((results: QueryResults<Note>) => {
        const next = new Map<number, Row>(shownListKey.current === forList ? rows.peek() : []);
        // What lies in the window is replaced; what was known outside stays until it is scrolled to.
        for (let index = offset; index < offset + limit; index++) next.delete(index);
        results.forEach((row, index) => next.set(offset + index, row));
        if (next.size > 40 * STEP) for (const index of next.keys()) if (index < offset - 10 * STEP || index > offset + limit + 10 * STEP) next.delete(index);
        shownListKey.current = forList;
        rows.value = next;
        shown.value = results.total;
        settled.value = true;
      }, notifyError);
  }, [key.value]);

  useEffect(() => {
    const element = scroller.current as HTMLDivElement;
    const measure = (): void => {
      visible.value = Math.ceil(element.clientHeight / ROW_PX) + 1;
      first.value = Math.floor(element.scrollTop / ROW_PX);
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener("scroll", measure, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", measure);
    };
  }, []);

  // Arrow keys walk through the list, also over the edge of what exists in the page.
  const wanted = useRef<number | undefined>(undefined);
  const onKeyDown = (event: KeyboardEvent): void => {
    const current = (event.target as HTMLElement).closest<HTMLElement>("[data-index]");
    if (!current || event.altKey || event.ctrlKey || event.metaKey) return;
    const at = Number(current.dataset.index);
    const page = Math.max(1, visible.value - 2);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: shown.value - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const index = Math.min(Math.max(to, 0), shown.value - 1);
    const element = scroller.current as HTMLDivElement;
    const top = index * ROW_PX;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + ROW_PX > element.scrollTop + element.clientHeight) element.scrollTop = top + ROW_PX - element.clientHeight;
    wanted.current = index;
    focusWanted();
  };
  const focusWanted = (): void => {
    if (wanted.current === undefined) return;
    const element = scroller.current?.querySelector<HTMLElement>(`[data-index="${wanted.current}"]`);
    if (!element) return;
    wanted.current = undefined;
    element.focus({ preventScroll: true });
  };
  useSignalEffect(() => {
    void rows.value;
    void first.value;
    queueMicrotask(focusWanted);
  });

  const from = Math.max(0, first.value - 8);
  const to = Math.min(shown.value, first.value + visible.value + 8);
  const range = Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
  const openId = route.value.page === "note" ? route.value.id : undefined;
  const marks = words.value.trim() === "" ? [] : words.value.trim().split(/\s+/);
  return (
    <>
      <div class="list-head">
        <span class="note-count" data-testid="note-count" data-total={total} data-shown={settled.value ? shown.value : undefined} role="status">
          {countWords(shown.value, total, isFiltered.value)}
        </span>
        <label class="sort">
          <span class="visually-hidden">Order</span>
          <select data-testid="sort" value={sort.value} onChange={(event) => (sort.value = event.currentTarget.value as typeof sort.value)}>
            <option value="-updatedAt">Last edited</option>
            <option value="updatedAt">First edited</option>
            <option value="-createdAt">Newest</option>
            <option value="title">Title A–Z</option>
            <option value="-title">Title Z–A</option>
          </select>
        </label>
      </div>
      <div class="list-scroller" ref={scroller} data-testid="note-list" data-settled={settled.value} tabIndex={-1} onKeyDown={onKeyDown}>
        {settled.value && shown.value === 0 && isFiltered.value ? (
          <NothingFound />
        ) : (
          <ul class="list-rows" aria-label="Notes" ref={(element) => void (element && (element.style.blockSize = `${shown.value * ROW_PX}px`))}>
            {range.map((index) => (
              <NoteRow key={index} index={index} total={shown.value} row={rows.value.get(index)} open={rows.value.get(index)?.id === openId} marks={marks} />
            ))}
          </ul>
        )}
      </div>
    </>
  );
}

function countWords(shown: number, total: number | undefined, filtered: boolean): string {
  const number = (value: number): string => value.toLocaleString();
  if (filtered && total !== undefined) return `${number(shown)} of ${number(total)} notes`;
  return shown === 1 ? "1 note" : `${number(shown)} notes`;
}

function NothingFound() {
  const clear = (): void => {
    words.value = "";
    tag.value = undefined;
  };
  return (
    <div class="list-empty" data-testid="note-list-empty">
      <p>No note has {words.value.trim() === "" ? `the tag #${tag.value}` : `“${words.value.trim()}”`}.</p>
      <button type="button" class="link-button" onClick={clear}>
        Show all notes
      </button>
    </div>
  );
}

function NoteRow({ index, total, row, open, marks }: { index: number; total: number; row: Row | undefined; open: boolean; marks: readonly string[] }) {
  // A new place is set by script: the CSP allows no style attributes in markup.
  const place = (element: HTMLLIElement | null): void => {
    if (element) element.style.transform = `translateY(${index * ROW_PX}px)`;
  };
  if (!row) return <li ref={place} class="row-slot" aria-hidden="true"><div class="row row-waiting" /></li>;
  const { title, excerpt, tags } = row.value;
  return (
    <li ref={place} class="row-slot" aria-setsize={total} aria-posinset={index + 1}>
      <a
        class="row"
        href={noteAddress(row.id)}
        data-testid="note-row"
        data-id={row.id}
        data-index={index}
        aria-current={open ? "true" : undefined}
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          go(noteAddress(row.id));
        }}
      >
        <span class="row-title" data-testid="note-row-title" dir="auto">
          <Marked text={shownTitle(title)} marks={marks} />
        </span>
        <span class="row-excerpt" data-testid="note-row-excerpt" dir="auto">
          {excerpt ? <Marked text={excerpt} marks={marks} /> : <span class="row-nothing">No text yet</span>}
        </span>
        <span class="row-foot">
          <time dateTime={row.updatedAt.toISOString()}>{shownTime(row.updatedAt)}</time>
          {(tags ?? []).slice(0, 3).map((name) => (
            <span key={name} class="row-tag">
              #{name}
            </span>
          ))}
        </span>
      </a>
    </li>
  );
}

/** The text with what was searched for marked. Only where folding keeps the length, so that the marks stand right. */
function Marked({ text, marks }: { text: string; marks: readonly string[] }) {
  if (marks.length === 0) return <>{text}</>;
  const folded = foldText(text);
  if (folded.length !== text.length) return <>{text}</>;
  for (const mark of marks) {
    const word = foldText(mark);
    const at = word === "" ? -1 : folded.indexOf(word);
    if (at >= 0) {
      return (
        <>
          {text.slice(0, at)}
          <mark>{text.slice(at, at + word.length)}</mark>
          {text.slice(at + word.length)}
        </>
      );
    }
  }
  return <>{text}</>;
}
