/**
 * Long work in pieces, so that a page stays responsive.
 *
 * @module
 */

/** A piece of work goes on for so long; well under the 50 ms at which people notice. */
const SLICE_MS = 8;

/** Resolves in a later task. Not by setTimeout: background tabs delay it to a second. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

/** Measures the slice of work that runs now. */
export class Slice {
  #until = performance.now() + SLICE_MS;

  /** Whether it is time to let others run. */
  get over(): boolean {
    return performance.now() >= this.#until;
  }

  /** Lets others run, and begins a new slice. */
  async rest(): Promise<void> {
    await nextTask();
    this.#until = performance.now() + SLICE_MS;
  }
}
