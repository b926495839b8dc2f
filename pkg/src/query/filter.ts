/**
 * From the query of an application to the query of the contract.
 *
 * @module
 */
import type { Condition, QuerySpec, Scalar, Where } from "../api.js";
import { AvatarArgumentError } from "../errors.js";
import { tagOf, WireType, Writer } from "../channel/wire.js";
import { writeValue } from "../docs/codec.js";
import { DateNode, wellFormed, type Node } from "../docs/nodes.js";
import { Text } from "../docs/text.js";
import { CompareOp } from "../gen/dao/avatar/v1/query_pb.js";

const VARINT = WireType.Varint;
const BYTES = WireType.LengthDelimited;

/** A Filter of the contract. */
type Filter = { op: "and" | "or"; filters: Filter[] } | { op: "not"; filter: Filter } | { op: "compare"; field: string; by: CompareOp; values: Node[] };

const OPERATORS: Readonly<Record<string, CompareOp>> = {
  equals: CompareOp.EQ,
  not: CompareOp.NE,
  lt: CompareOp.LT,
  lte: CompareOp.LTE,
  gt: CompareOp.GT,
  gte: CompareOp.GTE,
  in: CompareOp.IN,
  contains: CompareOp.CONTAINS,
  prefix: CompareOp.PREFIX,
  exists: CompareOp.EXISTS,
};

/** Nesting of `and`, `or`, `not` beyond this is a mistake. */
const MAX_DEPTH = 16;

/** The Query of the contract, encoded. @throws AvatarArgumentError */
export function encodeQuerySpec(spec: QuerySpec<never>): Uint8Array {
  const writer = new Writer();
  if (spec.type) writer.uint32(tagOf(1, BYTES)).string(wellFormed(spec.type));
  if (spec.where !== undefined) {
    writer.uint32(tagOf(2, BYTES)).fork();
    writeFilter(writer, filterOf(spec.where, 0));
    writer.join();
  }
  for (const field of spec.orderBy ?? []) {
    const descending = field.startsWith("-");
    writer.uint32(tagOf(3, BYTES)).fork();
    writer.uint32(tagOf(1, BYTES)).string(wellFormed(descending ? field.slice(1) : field));
    if (descending) writer.uint32(tagOf(2, VARINT)).bool(true);
    writer.join();
  }
  // The contract's 0 is "no limit". To learn the total alone, one row is asked for.
  const limit = spec.limit === 0 ? 1 : count(spec.limit, "limit");
  if (limit !== 0) writer.uint32(tagOf(4, VARINT)).uint32(limit);
  const offset = count(spec.offset, "offset");
  if (offset !== 0) writer.uint32(tagOf(5, VARINT)).uint32(offset);
  for (const field of spec.select ?? []) writer.uint32(tagOf(6, BYTES)).string(wellFormed(field));
  return writer.finish();
}

function writeFilter(writer: Writer, filter: Filter): void {
  switch (filter.op) {
    case "and":
    case "or":
      writer.uint32(tagOf(filter.op === "and" ? 1 : 2, BYTES)).fork();
      for (const each of filter.filters) {
        writer.uint32(tagOf(1, BYTES)).fork();
        writeFilter(writer, each);
        writer.join();
      }
      break;
    case "not":
      writer.uint32(tagOf(3, BYTES)).fork();
      writeFilter(writer, filter.filter);
      break;
    case "compare":
      writer.uint32(tagOf(4, BYTES)).fork();
      writer.uint32(tagOf(1, BYTES)).string(filter.field);
      writer.uint32(tagOf(2, VARINT)).uint32(filter.by);
      for (const value of filter.values) {
        writer.uint32(tagOf(3, BYTES)).fork();
        writeValue(writer, value);
        writer.join();
      }
      break;
  }
  writer.join();
}

function count(value: number | undefined, name: string): number {
  if (value === undefined || value === Number.POSITIVE_INFINITY) return 0;
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) throw new AvatarArgumentError(`${name} must be a whole number, not ${String(value)}.`);
  return value;
}

function filterOf(where: Where, depth: number): Filter {
  if (depth > MAX_DEPTH) throw new AvatarArgumentError(`A query cannot nest deeper than ${MAX_DEPTH}.`);
  if (typeof where !== "object" || where === null) throw new AvatarArgumentError("`where` is an object.");
  const filters: Filter[] = [];
  for (const [key, condition] of Object.entries(where)) {
    if (condition === undefined) continue;
    if (key === "and" || key === "or") {
      if (!Array.isArray(condition)) throw new AvatarArgumentError(`\`${key}\` takes a list.`);
      filters.push({ op: key, filters: condition.map((each) => filterOf(each as Where, depth + 1)) });
    } else if (key === "not" && isWhere(condition)) {
      filters.push({ op: "not", filter: filterOf(condition, depth + 1) });
    } else {
      filters.push(...comparesOf(key, condition as Condition));
    }
  }
  return allOf(filters);
}

function isWhere(condition: unknown): condition is Where {
  return typeof condition === "object" && condition !== null && !(condition instanceof Date);
}

function allOf(filters: Filter[]): Filter {
  const [only] = filters;
  return filters.length === 1 && only !== undefined ? only : { op: "and", filters };
}

function comparesOf(field: string, condition: Condition): Filter[] {
  if (!isWhere(condition)) return [compare(field, CompareOp.EQ, [condition as Scalar])];
  const filters: Filter[] = [];
  for (const [name, operand] of Object.entries(condition as Record<string, unknown>)) {
    if (operand === undefined) continue;
    const op = OPERATORS[name];
    if (op === undefined) throw new AvatarArgumentError(`A condition has no \`${name}\`. It has ${Object.keys(OPERATORS).join(", ")}.`);
    if (op === CompareOp.IN) {
      if (!Array.isArray(operand)) throw new AvatarArgumentError("`in` takes a list.");
      filters.push(compare(field, op, operand as Scalar[]));
    } else {
      filters.push(compare(field, op, [operand as Scalar]));
    }
  }
  if (filters.length === 0) throw new AvatarArgumentError(`The condition on \`${field}\` is empty.`);
  return filters;
}

function compare(field: string, by: CompareOp, values: readonly Scalar[]): Filter {
  return { op: "compare", field: wellFormed(field), by, values: values.map(scalarOf) };
}

function scalarOf(scalar: Scalar): Node {
  if (scalar === null || typeof scalar === "boolean" || typeof scalar === "number") return scalar;
  if (typeof scalar === "string") return Text.of(wellFormed(scalar));
  if (scalar instanceof Date && !Number.isNaN(scalar.getTime())) return new DateNode(scalar.getTime());
  throw new AvatarArgumentError("A condition compares with a string, number, boolean, null or Date.");
}
