import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { AvatarError, AvatarStorageError, codeOfAppError, codeOfOpError, errorOfAppError } from "../dist/errors.js";
import { OpErrorCode } from "../dist/gen/dao/avatar/v1/abi_pb.js";
import { AppErrorSchema, ErrorCode } from "../dist/gen/dao/avatar/v1/request_pb.js";

const members = (enumeration) => Object.entries(enumeration).filter(([name]) => Number.isNaN(Number(name)));

test("every ErrorCode of the contract has its own code, under its own name", () => {
  for (const [name, value] of members(ErrorCode)) {
    assert.equal(codeOfAppError(value), name === "UNSPECIFIED" ? "INTERNAL" : name);
  }
});

test("every OpErrorCode of the contract has a code", () => {
  const expected = { UNSPECIFIED: "INTERNAL", OTHER: "INTERNAL", TOO_LARGE: "LIMIT", INVALID: "INVALID_ARGUMENT" };
  for (const [name, value] of members(OpErrorCode)) assert.equal(codeOfOpError(value), expected[name] ?? name);
});

test("a code of a newer contract is INTERNAL, not a crash", () => {
  assert.equal(codeOfAppError(9999), "INTERNAL");
  assert.equal(codeOfOpError(9999), "INTERNAL");
});

test("an AppError keeps code, message and whether it can be retried", () => {
  const error = errorOfAppError(create(AppErrorSchema, { code: ErrorCode.QUOTA_EXCEEDED, message: "full", retryable: true }));
  assert.ok(error instanceof AvatarStorageError && error instanceof AvatarError && error instanceof Error);
  assert.deepEqual([error.code, error.message, error.retryable, error.name], ["QUOTA_EXCEEDED", "full", true, "AvatarStorageError"]);
});
