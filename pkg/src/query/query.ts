/**
 * Queries, once or live.
 *
 * @module
 */
import type { DocContent, DocValue, Query, QueryResults, QuerySpec, Unsubscribe } from "../api.js";
import type { Call, CallHandler, Channel } from "../channel/channel.js";
import { Answer, encodeQuery } from "../docs/requests.js";
import { tell } from "../emitter.js";
import { AvatarError } from "../errors.js";
import { encodeQuerySpec } from "./filter.js";
import { readDelta, readRows, type Row } from "./rows.js";

/** See {@link Query}. */
export class LiveQuery<T extends DocContent = Record<string, DocValue>> implements Query<T> {
  readonly #channel: Channel;
  readonly #spec: QuerySpec<T>;

  constructor(channel: Channel, spec: QuerySpec<T>) {
    this.#channel = channel;
    // A mistake in a query is told where it is written, not where it is run.
    encodeQuerySpec(spec as QuerySpec<never>);
    this.#spec = spec;
  }

  async get(): Promise<QueryResults<T>> {
    const query = encodeQuerySpec(this.#spec as QuerySpec<never>);
    const none = this.#spec.limit === 0;
    return new Promise((resolve, reject) => {
      const results = new ResultRows<T>(none);
      this.#channel.call(encodeQuery("run", query), handlerOf(results, () => resolve(results.current), reject, false));
    });
  }

  subscribe(listener: (results: QueryResults<T>) => void, onError?: (error: Error) => void): Unsubscribe {
    const query = encodeQuerySpec(this.#spec as QuerySpec<never>);
    const none = this.#spec.limit === 0;
    const results = new ResultRows<T>(none);
    let told: QueryResults<T> | undefined;
    let planned = false;
    let ended = false;
    // Several deltas in one message are one change for the listener.
    const announce = (): void => {
      if (planned) return;
      planned = true;
      queueMicrotask(() => {
        planned = false;
        if (ended || !results.complete || results.current === told) return;
        told = results.current;
        tell(listener, told);
      });
    };
    const fail = (error: AvatarError): void => {
      if (ended) return;
      ended = true;
      if (onError) tell(onError, error);
      else if (error.code !== "CLOSED") tell(throwing, error);
    };
    const call: Call = this.#channel.call(encodeQuery("subscribe", query), handlerOf(results, announce, fail, true));
    return () => {
      if (ended) return;
      ended = true;
      call.cancel();
    };
  }

  async *[Symbol.asyncIterator](): AsyncIterator<QueryResults<T>> {
    let latest: QueryResults<T> | undefined;
    let failure: Error | undefined;
    let wake: () => void = () => undefined;
    const off = this.subscribe(
      (results) => {
        // A slow reader gets the latest results, not a queue of old ones.
        latest = results;
        wake();
      },
      (error) => {
        failure = error;
        wake();
      },
    );
    try {
      for (;;) {
        if (latest === undefined && failure === undefined) await new Promise<void>((resolve) => (wake = resolve));
        if (latest !== undefined) {
          const results = latest;
          latest = undefined;
          yield results;
        } else if (failure !== undefined) {
          if (failure instanceof AvatarError && failure.code === "CLOSED") return;
          throw failure;
        }
      }
    } finally {
      off();
    }
  }
}

/** An error that no listener takes is an uncaught one. */
function throwing(error: Error): void {
  throw error;
}

/** `live`: it outlives a lock. */
function handlerOf<T extends DocContent>(results: ResultRows<T>, changed: () => void, fail: (error: AvatarError) => void, live: boolean): CallHandler {
  return {
    answer: (field, payload, last) => {
      try {
        if (field === Answer.queryRows) {
          results.addPage(payload);
          if (results.complete) changed();
        } else if (field === Answer.queryDelta) {
          results.apply(payload);
          changed();
        } else if (last && !results.complete) {
          fail(new AvatarError("INTERNAL", "The query ended without its last rows."));
        }
      } catch (cause) {
        fail(new AvatarError("INTERNAL", "The rows could not be read.", { cause }));
      }
    },
    fail,
    lost: () => results.restart(),
    waits: () => live,
  };
}

/** The rows that came so far. Each version is an array of its own, frozen. */
class ResultRows<T extends DocContent> {
  readonly #none: boolean;
  #pages: Row[] = [];
  #rows: readonly Row[] = [];
  #total = 0;
  #complete = false;
  #made: QueryResults<T> | undefined;

  constructor(none: boolean) {
    this.#none = none;
  }

  /** The first result is there. */
  get complete(): boolean {
    return this.#complete;
  }

  /** The same object until something changes. */
  get current(): QueryResults<T> {
    if (this.#made === undefined) {
      const rows = this.#none ? [] : this.#rows.slice();
      Object.defineProperty(rows, "total", { value: this.#total });
      this.#made = Object.freeze(rows) as unknown as QueryResults<T>;
    }
    return this.#made;
  }

  addPage(payload: Uint8Array): void {
    const page = readRows(payload);
    for (const row of page.rows) this.#pages.push(row);
    if (!page.last) return;
    this.#rows = this.#pages;
    this.#pages = [];
    this.#total = page.total;
    this.#complete = true;
    this.#made = undefined;
  }

  apply(payload: Uint8Array): void {
    const { splices, total } = readDelta(payload);
    for (const { index, delete: deleteCount, insert } of splices) {
      this.#rows = [...this.#rows.slice(0, index), ...insert, ...this.#rows.slice(index + deleteCount)];
    }
    this.#total = total;
    this.#made = undefined;
  }

  /** The query runs again, from its first page. */
  restart(): void {
    this.#pages = [];
    this.#complete = false;
  }
}
