/** All tags with their counts, kept up to date from the index. */
import type { QueryResults } from "@dao/avatar";
import { effect, signal } from "@preact/signals";
import { phase } from "./avatar";
import { NOTE, type Note } from "./notes";

export interface TagCount {
  readonly tag: string;
  readonly count: number;
}

export const allTags = signal<readonly TagCount[]>([]);

/** Counting waits until the page is quiet: with 10,000 notes an import or fast typing must not count again each time. */
const QUIET_MS = 250;

/** Begins to follow the tags once the Avatar is up. */
export function followTags(): void {
  let stop: (() => void) | undefined;
  effect(() => {
    const current = phase.value;
    if (current.name !== "ready" || stop) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let latest: QueryResults<Note> | undefined;
    stop = current.avatar.docs.query<Note>({ type: NOTE, where: { tags: { exists: true } }, select: ["tags"] }).subscribe((results) => {
      latest = results;
      timer ??= setTimeout(() => {
        timer = undefined;
        allTags.value = count(latest as QueryResults<Note>);
      }, QUIET_MS);
    });
  });
}

function count(rows: QueryResults<Note>): TagCount[] {
  const counts = new Map<string, number>();
  for (const row of rows) for (const tag of row.value.tags ?? []) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  return [...counts].map(([tag, many]) => ({ tag, count: many })).sort((a, b) => b.count - a.count || a.tag.localeCompare(b.tag));
}
