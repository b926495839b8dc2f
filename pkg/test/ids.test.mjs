import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { idFromString, idToString, randomId } from "../dist/ids.js";

test("an id survives being written and read", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const text = idToString(bytes);
      assert.match(text, /^[0-7][0-9a-hjkmnp-tv-z]{25}$/);
      assert.deepEqual(idFromString(text), bytes);
      assert.deepEqual(idFromString(text.toUpperCase()), bytes);
    }),
  );
});

test("an id is its 128 bits in base32", () => {
  const number = (bytes) => bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const bytes = randomId();
  const digits = [...idToString(bytes)].reduce((sum, digit) => (sum << 5n) | BigInt("0123456789abcdefghjkmnpqrstvwxyz".indexOf(digit)), 0n);
  assert.equal(digits, number(bytes));
});

test("letters that people confuse are taken for what was meant", () => {
  assert.deepEqual(idFromString("0o0O00000000000000000000il"), idFromString("00000000000000000000000011"));
});

test("what is no id is INVALID_ARGUMENT", () => {
  for (const text of ["", "x", "8".padEnd(26, "0"), "u".padStart(26, "0"), "0".repeat(27), "é".padStart(26, "0"), undefined, null, 7]) {
    assert.throws(() => idFromString(text), { name: "AvatarArgumentError", code: "INVALID_ARGUMENT" });
  }
});
