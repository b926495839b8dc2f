/**
 * From the query of an application to the query of the contract.
 *
 * @module
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Condition, QuerySpec, Scalar, Where } from "../api.js";
import { AvatarArgumentError } from "../errors.js";
import { CompareOp, FilterSchema, QuerySchema, type Filter, type Query } from "../gen/dao/avatar/v1/query_pb.js";
import type { ValueSchema } from "../gen/dao/avatar/v1/value_pb.js";
import { wellFormed } from "../docs/nodes.js";

type ValueInit = MessageInitShape<typeof ValueSchema>;

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

/** The query of the contract. @throws AvatarArgumentError */
export function queryOf(spec: QuerySpec<never>): Query {
  return create(QuerySchema, {
    type: spec.type ?? "",
    ...(spec.where === undefined ? {} : { where: filterOf(spec.where, 0) }),
    orderBy: (spec.orderBy ?? []).map((field) => (field.startsWith("-") ? { field: field.slice(1), descending: true } : { field, descending: false })),
    limit: count(spec.limit, "limit"),
    offset: count(spec.offset, "offset"),
    select: [...(spec.select ?? [])],
  });
}

/** Whether the query asks for no rows at all, which `limit` 0 of the contract does not say. */
export function wantsNoRows(spec: QuerySpec<never>): boolean {
  return spec.limit === 0;
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
      const list = { filters: condition.map((each) => filterOf(each as Where, depth + 1)) };
      filters.push(create(FilterSchema, { filter: { case: key, value: list } }));
    } else if (key === "not" && isWhere(condition)) {
      filters.push(create(FilterSchema, { filter: { case: "not", value: filterOf(condition, depth + 1) } }));
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
  return filters.length === 1 && only !== undefined ? only : create(FilterSchema, { filter: { case: "and", value: { filters } } });
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

function compare(field: string, op: CompareOp, values: readonly Scalar[]): Filter {
  return create(FilterSchema, { filter: { case: "compare", value: { field, op, values: values.map(scalarOf) } } });
}

function scalarOf(scalar: Scalar): ValueInit {
  if (scalar === null) return { kind: { case: "null", value: true } };
  switch (typeof scalar) {
    case "string":
      return { kind: { case: "string", value: wellFormed(scalar) } };
    case "boolean":
      return { kind: { case: "bool", value: scalar } };
    case "number":
      return Number.isSafeInteger(scalar) ? { kind: { case: "int", value: BigInt(scalar) } } : { kind: { case: "double", value: scalar } };
    default:
      if (scalar instanceof Date && !Number.isNaN(scalar.getTime())) return { kind: { case: "timestampMs", value: BigInt(scalar.getTime()) } };
      throw new AvatarArgumentError("A condition compares with a string, number, boolean, null or Date.");
  }
}
