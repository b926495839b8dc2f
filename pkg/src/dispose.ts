/**
 * The key by which `await using` closes things, also in engines that have no `Symbol.asyncDispose` yet (WebKit): there compilers agree on this registered symbol.
 * A bare `[Symbol.asyncDispose]` would name the method "undefined" in them.
 *
 * @module
 */

/** `Symbol.asyncDispose`, or what stands in for it. */
export const asyncDispose: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? (Symbol.for("Symbol.asyncDispose") as typeof Symbol.asyncDispose);
