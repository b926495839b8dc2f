/**
 * Listeners.
 *
 * @module
 */
import type { Unsubscribe } from "./api.js";

/** Calls a listener; what it throws is reported as an uncaught error and disturbs nobody else. */
export function tell<T>(listener: (detail: T) => void, detail: T): void {
  try {
    listener(detail);
  } catch (error) {
    if (typeof reportError === "function") reportError(error);
    else
      queueMicrotask(() => {
        throw error;
      });
  }
}

/** Listeners by the name of an event. */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<(detail: never) => void>>();

  on<E extends keyof Events>(event: E, listener: (detail: Events[E]) => void): Unsubscribe {
    let set = this.#listeners.get(event);
    if (set === undefined) this.#listeners.set(event, (set = new Set()));
    // A listener that is added twice is called twice, and taken off one by one.
    const own = (detail: Events[E]): void => listener(detail);
    set.add(own as (detail: never) => void);
    return () => void set.delete(own as (detail: never) => void);
  }

  emit<E extends keyof Events>(event: E, detail: Events[E]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) tell(listener as (detail: Events[E]) => void, detail);
  }
}
