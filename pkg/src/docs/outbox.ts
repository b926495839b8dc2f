/**
 * The changes of a document that are not acknowledged as durable yet, in order.
 *
 * @module
 */
import type { Call } from "../channel/channel.js";
import type { ChangeBody } from "./replica.js";

/** A change on its way. Splices that were typed together share one, and one promise. */
export interface Outgoing {
  firstSeq: number;
  body: ChangeBody;
  /** What of the document's events the maker had seen. */
  seenVersion: number;
  readonly message: string;
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  /** Once the promise has resolved: whether there was something to undo or redo. */
  didSomething: boolean;
  /** The call that carries it, once it is sent. */
  call: Call | undefined;
}

/** A change, ready to be sent. */
export function outgoing(firstSeq: number, body: ChangeBody, seenVersion: number, message: string): Outgoing {
  let resolve!: () => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<void>((res, rej) => {
    resolve = res;
    reject = rej;
  });
  return { firstSeq, body, seenVersion, message, promise, resolve, reject, didSomething: false, call: undefined };
}
