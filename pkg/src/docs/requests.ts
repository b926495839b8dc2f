/**
 * Requests and answers about documents that are too rare to write by hand.
 *
 * @module
 */
import { create, fromBinary, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { DocChangedSchema, DocHistoryResultSchema, DocOpenedSchema, type DocChanged, type DocHistoryResult, type DocOpened } from "../gen/dao/avatar/v1/docs_pb.js";
import { RequestSchema } from "../gen/dao/avatar/v1/request_pb.js";

/** Field numbers of the cases of Response. */
export const Answer = {
  done: 2,
  docOpened: 3,
  snapshotPage: 4,
  docEvent: 5,
  docChanged: 6,
  docHistory: 7,
  queryRows: 10,
  queryDelta: 11,
  status: 20,
} as const;

/** An encoded Request. */
export function encodeRequest(request: NonNullable<MessageInitShape<typeof RequestSchema>["request"]>): Uint8Array {
  return toBinary(RequestSchema, create(RequestSchema, { request }));
}

/** A DocOpened. */
export function readOpened(bytes: Uint8Array): DocOpened {
  return fromBinary(DocOpenedSchema, bytes);
}

/** A DocChanged. */
export function readChanged(bytes: Uint8Array): DocChanged {
  return fromBinary(DocChangedSchema, bytes);
}

/** A DocHistoryResult. */
export function readHistory(bytes: Uint8Array): DocHistoryResult {
  return fromBinary(DocHistoryResultSchema, bytes);
}
