/** What the list shows; kept while the person goes from page to page, and in the address of the list. */
import { computed, effect, signal } from "@preact/signals";
import { identity } from "../node/identity";
import type { SortOrder } from "../node/notes";
import { go, route } from "../shell/router";

const SORTS: ReadonlySet<string> = new Set<SortOrder>(["-updatedAt", "updatedAt", "-createdAt", "title", "-title"]);

const first = route.peek().query;
export const words = signal(first.get("q") ?? "");
export const tag = signal<string | undefined>(first.get("tag") ?? undefined);
export const sort = signal<SortOrder>(SORTS.has(first.get("sort") ?? "") ? (first.get("sort") as SortOrder) : "-updatedAt");

export const listQuery = computed(() => ({ words: words.value.trim(), tag: tag.value, sort: sort.value }));
export const isFiltered = computed(() => listQuery.value.words !== "" || listQuery.value.tag !== undefined);

/** Filters by one tag and shows the list. */
export function showTag(next: string | undefined): void {
  tag.value = next;
  if (route.peek().page !== "notes" && route.peek().page !== "note") go("#/");
}

effect(() => {
  const params = new URLSearchParams();
  if (words.value.trim() !== "") params.set("q", words.value.trim());
  if (tag.value !== undefined) params.set("tag", tag.value);
  if (sort.value !== "-updatedAt") params.set("sort", sort.value);
  // The browser writes addresses into its history, in clear: it is not told what somebody has sealed with a passphrase looks for.
  if (identity.value?.askAtStart) ["q", "tag"].forEach((name) => params.delete(name));
  if (route.value.page !== "notes") return;
  const query = params.toString();
  const address = query === "" ? "#/" : `#/?${query}`;
  if (location.hash !== address && !(location.hash === "" && query === "")) go(address, { replace: true });
});
