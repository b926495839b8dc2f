// AbiStatus of abi.proto, as ABI functions return it, and OpErrorCode.
import { create, toBinary } from "@bufbuild/protobuf";
import { OpErrorCode, OpErrorSchema } from "../../../../pkg/dist/gen/dao/avatar/v1/abi_pb.js";

export const Status = { OK: 0, INVALID: -1, BAD_BUFFER: -2, UNSUPPORTED: -3, LIMIT: -4, AGAIN: -5, NOT_FOUND: -6, DENIED: -7, CLOSED: -8, CANCELLED: -9, BAD_STATE: -10, IO: -11, CORRUPT: -12 };
export { OpErrorCode };

/** An import refuses with a status. */
export class Refused extends Error {
  constructor(status) {
    super(`status ${status}`);
    this.status = status;
  }
}

/** An accepted operation failed. */
export class OpFailed extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { status, code });
  }

  get head() {
    return toBinary(OpErrorSchema, create(OpErrorSchema, { code: this.code, message: this.message }));
  }
}
