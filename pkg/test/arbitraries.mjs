// Documents and values as fast-check makes them.
import fc from "fast-check";

/** Plain objects, as applications and readers make them. */
export const record = (model) => fc.record(model, { noNullPrototype: true });

export const key = fc.oneof(fc.constantFrom("a", "b", "title", "body", "tags", "__proto__", "constructor", "length"), fc.string({ minLength: 1, maxLength: 6 }).map((text) => text.toWellFormed()));

export const scalar = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true }),
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 8 }),
);

/** Own properties only, `__proto__` among them. */
export function objectOf(entries) {
  const object = {};
  for (const [name, value] of entries) Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  return object;
}

const entriesOf = (value) => fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name, maxLength: 5 }).map(objectOf);

export const { value, map } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 3, withCrossShrink: true }, scalar, fc.array(tie("value"), { maxLength: 5 }), tie("map")),
  map: entriesOf(tie("value")),
}));
