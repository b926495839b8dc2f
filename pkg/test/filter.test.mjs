import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { QuerySchema } from "../dist/gen/dao/avatar/v1/query_pb.js";
import { encodeQuerySpec } from "../dist/query/filter.js";

const json = (spec) => toJson(QuerySchema, fromBinary(QuerySchema, encodeQuerySpec(spec)));
const compare = (field, op, ...values) => ({ compare: { field, op: `COMPARE_OP_${op}`, values } });

describe("a query", () => {
  test("with nothing asked is everything", () => assert.deepEqual(json({}), {}));

  test("takes type, order, limit, offset and fields over", () => {
    assert.deepEqual(json({ type: "note", orderBy: ["-updatedAt", "title"], limit: 5, offset: 2, select: ["title"] }), {
      type: "note",
      orderBy: [{ field: "updatedAt", descending: true }, { field: "title" }],
      limit: 5,
      offset: 2,
      select: ["title"],
    });
  });

  test("takes a bare value as equality, of every kind", () => {
    const date = new Date(1234);
    for (const [value, encoded] of [["x", { string: "x" }], [7, { int: "7" }], [1.5, { double: 1.5 }], [true, { bool: true }], [null, { null: true }], [date, { timestampMs: "1234" }]]) {
      assert.deepEqual(json({ where: { f: value } }).where, compare("f", "EQ", encoded));
    }
  });

  test("for no rows asks for one, to learn the total", () => assert.deepEqual(json({ limit: 0 }), { limit: 1 }));

  test("knows every operator", () => {
    const operators = { equals: "EQ", not: "NE", lt: "LT", lte: "LTE", gt: "GT", gte: "GTE", contains: "CONTAINS", prefix: "PREFIX" };
    for (const [name, op] of Object.entries(operators)) assert.deepEqual(json({ where: { f: { [name]: "v" } } }).where, compare("f", op, { string: "v" }));
    assert.deepEqual(json({ where: { f: { in: ["a", 1] } } }).where, compare("f", "IN", { string: "a" }, { int: "1" }));
    assert.deepEqual(json({ where: { f: { exists: false } } }).where, compare("f", "EXISTS", { bool: false }));
  });

  test("wants several keys and several operators all to hold", () => {
    const all = { and: { filters: [compare("a", "EQ", { int: "1" }), compare("n", "GTE", { int: "2" }), compare("n", "LT", { int: "5" })] } };
    assert.deepEqual(json({ where: { a: 1, n: { gte: 2, lt: 5 } } }).where, all);
  });

  test("combines with and, or, not", () => {
    assert.deepEqual(json({ where: { or: [{ a: 1 }, { not: { b: 2 } }] } }).where, { or: { filters: [compare("a", "EQ", { int: "1" }), { not: compare("b", "EQ", { int: "2" }) }] } });
  });

  test("that makes no sense is INVALID_ARGUMENT where it is written", () => {
    const deep = Array.from({ length: 20 }).reduce((inner) => ({ not: inner }), { a: 1 });
    for (const spec of [{ limit: -1 }, { limit: 1.5 }, { offset: -1 }, { where: { f: { like: "x" } } }, { where: { f: {} } }, { where: { f: { in: "x" } } }, { where: { or: {} } }, { where: { f: () => 1 } }, { where: { f: new Date(Number.NaN) } }, { where: deep }]) {
      assert.throws(() => encodeQuerySpec(spec), { code: "INVALID_ARGUMENT" }, JSON.stringify(spec));
    }
  });
});
