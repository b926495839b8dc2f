/** A live query as a signal, for as long as a component shows it. */
import type { QueryResults, QuerySpec } from "@dao/avatar";
import { useSignal, type Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { notifyError } from "../shell/toasts";
import { theAvatar } from "./avatar";

/** Follows `spec`; `undefined` until the first answer. `key` says when the query has become another one. */
export function useLiveQuery<T extends object>(spec: QuerySpec<T> | undefined, key: string): Signal<QueryResults<T> | undefined> {
  const results = useSignal<QueryResults<T> | undefined>(undefined);
  useEffect(() => {
    if (spec === undefined) {
      results.value = undefined;
      return undefined;
    }
    return theAvatar().docs.query<T>(spec).subscribe((rows) => (results.value = rows), notifyError);
  }, [key]);
  return results;
}
