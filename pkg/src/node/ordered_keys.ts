/**
 * A map that can be walked in the order of its keys.
 *
 * @module
 */

/** Keys compare by code unit. */
export class OrderedKeys<V> {
  readonly #values = new Map<string, V>();
  #sorted: string[] = [];
  /** Keys that came since `#sorted` was put in order: many at once are sorted in one go. */
  #added: string[] = [];
  #removed = 0;

  get size(): number {
    return this.#values.size;
  }

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: V): void {
    if (!this.#values.has(key)) this.#added.push(key);
    this.#values.set(key, value);
  }

  delete(key: string): void {
    if (this.#values.delete(key)) this.#removed++;
  }

  /** Entries with `start <= key < end`, in order. The map must not be changed meanwhile. */
  *range(start: string, end: string | undefined): Generator<[string, V]> {
    this.#order();
    for (let i = this.#lowerBound(start); i < this.#sorted.length; i++) {
      const key = this.#sorted[i] as string;
      if (end !== undefined && key >= end) return;
      yield [key, this.#values.get(key) as V];
    }
  }

  #order(): void {
    if (this.#removed > 0) {
      // A key that was removed and added again is in both lists.
      this.#sorted = this.#sorted.filter((key) => this.#values.has(key));
      this.#added = this.#added.filter((key) => this.#values.has(key));
      this.#removed = 0;
    }
    if (this.#added.length === 0) return;
    const added = this.#added.sort(compare);
    this.#added = [];
    const last = this.#sorted.at(-1);
    if (last === undefined || last < (added[0] as string)) {
      for (const key of added) if (key !== this.#sorted.at(-1)) this.#sorted.push(key);
      return;
    }
    // Two ordered lists become one.
    const merged: string[] = [];
    let i = 0;
    for (const key of added) {
      while (i < this.#sorted.length && (this.#sorted[i] as string) < key) merged.push(this.#sorted[i++] as string);
      if (this.#sorted[i] !== key && merged.at(-1) !== key) merged.push(key);
    }
    while (i < this.#sorted.length) merged.push(this.#sorted[i++] as string);
    this.#sorted = merged;
  }

  #lowerBound(key: string): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sorted[middle] as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
