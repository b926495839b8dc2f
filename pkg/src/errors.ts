/**
 * What can go wrong, by stable codes. Every failure that this package reports is an {@link AvatarError}.
 *
 * @module
 */
import { OpErrorCode } from "./gen/dao/avatar/v1/abi_pb.js";
import { ErrorCode } from "./gen/dao/avatar/v1/request_pb.js";

/** The codes of {@link AvatarError}. New ones may be added; a code never changes its meaning. */
export type AvatarErrorCode =
  | "MALFORMED"
  | "UNKNOWN_REQUEST"
  | "INVALID_ARGUMENT"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "CORRUPT"
  | "QUOTA_EXCEEDED"
  | "STORAGE_BLOCKED"
  | "STORAGE_LOST"
  | "STORAGE_IO"
  | "STORAGE_LOCKED"
  | "CRASHED"
  | "UNSUPPORTED"
  | "LIMIT"
  | "CANCELLED"
  | "TIMEOUT"
  | "DENIED"
  | "NETWORK"
  | "CLOSED"
  | "SCHEMA_TOO_NEW"
  | "INTERNAL"
  /** The node is locked: unlock it first. */
  | "LOCKED"
  /** The passphrase, the words or the passkey are not the ones. */
  | "WRONG_SECRET"
  | AvatarLoadErrorCode;

/** The codes of {@link AvatarLoadError}: why the WebAssembly or the worker could not be loaded. */
export type AvatarLoadErrorCode =
  /** The page's Content-Security-Policy lacks `'wasm-unsafe-eval'` in `script-src`. */
  | "CSP_BLOCKED"
  /** The engine has no WebAssembly. */
  | "NO_WEBASSEMBLY"
  /** Nothing is at the address (a status that is not 2xx, or no answer). */
  | "NOT_FOUND"
  /** Something else than WebAssembly was served, such as a page. */
  | "BAD_MIME"
  /** The bytes do not begin like a WebAssembly module. */
  | "BAD_MAGIC"
  /** The module is of another build than this package, or no Meta Unit at all. */
  | "BAD_BUILD"
  /** The engine refused to compile the module: it is damaged. */
  | "COMPILE_FAILED"
  /** The worker could not be started. */
  | "WORKER_FAILED";

/** The base of all errors of this package. Tell them apart by {@link AvatarError.code}, not by message. */
export class AvatarError extends Error {
  /** The name of the class. */
  override readonly name: string = "AvatarError";
  /** Says what happened, and stays the same over versions. */
  readonly code: AvatarErrorCode;
  /** The same call may succeed when made again. */
  readonly retryable: boolean;

  /** @internal */
  constructor(code: AvatarErrorCode, message: string, options: { cause?: unknown; retryable?: boolean } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** The WebAssembly or the worker could not be loaded. Nothing was stored or changed. */
export class AvatarLoadError extends AvatarError {
  /** The name of the class. */
  override readonly name = "AvatarLoadError";
  /** Says what happened. */
  declare readonly code: AvatarLoadErrorCode;

  /** @internal */
  constructor(code: AvatarLoadErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(code, message, options);
  }
}

/** Storage refused: full, blocked, gone, damaged or in use. What was acknowledged before is not concerned. */
export class AvatarStorageError extends AvatarError {
  /** The name of the class. */
  override readonly name = "AvatarStorageError";

  /** @internal */
  constructor(code: AvatarErrorCode, message: string, options: { cause?: unknown; retryable?: boolean } = {}) {
    super(code, message, options);
  }
}

/** A call was given something that it cannot take. Nothing was done. */
export class AvatarArgumentError extends AvatarError {
  /** The name of the class. */
  override readonly name = "AvatarArgumentError";
  /** Says what happened. */
  declare readonly code: "INVALID_ARGUMENT";

  /** @internal */
  constructor(message: string, options: { cause?: unknown } = {}) {
    super("INVALID_ARGUMENT", message, options);
  }
}

/** No document has this id, here. */
export class AvatarNotFoundError extends AvatarError {
  /** The name of the class. */
  override readonly name = "AvatarNotFoundError";
  /** Says what happened. */
  declare readonly code: "NOT_FOUND";

  /** @internal */
  constructor(message: string, options: { cause?: unknown } = {}) {
    super("NOT_FOUND", message, options);
  }
}

/** The Avatar, the document or the call was closed or cancelled. */
export class AvatarClosedError extends AvatarError {
  /** The name of the class. */
  override readonly name = "AvatarClosedError";
  /** Says what happened. */
  declare readonly code: "CLOSED" | "CANCELLED";

  /** @internal */
  constructor(code: "CLOSED" | "CANCELLED" = "CLOSED", message = "This Avatar is closed.", options: { cause?: unknown } = {}) {
    super(code, message, options);
  }
}

/** The node is locked: see `avatar.identity.unlock`. Nothing was done. */
export class AvatarLockedError extends AvatarError {
  /** The name of the class. */
  override readonly name = "AvatarLockedError";
  /** Says what happened. */
  declare readonly code: "LOCKED";

  /** @internal */
  constructor(message = "The node is locked.", options: { cause?: unknown } = {}) {
    super("LOCKED", message, options);
  }
}

/** The contract's code of an application error → ours. A `Record` over the enum: the compiler refuses a gap. */
const CODE_OF_APP_ERROR: Readonly<Record<ErrorCode, AvatarErrorCode>> = {
  [ErrorCode.UNSPECIFIED]: "INTERNAL",
  [ErrorCode.MALFORMED]: "MALFORMED",
  [ErrorCode.UNKNOWN_REQUEST]: "UNKNOWN_REQUEST",
  [ErrorCode.INVALID_ARGUMENT]: "INVALID_ARGUMENT",
  [ErrorCode.NOT_FOUND]: "NOT_FOUND",
  [ErrorCode.ALREADY_EXISTS]: "ALREADY_EXISTS",
  [ErrorCode.CORRUPT]: "CORRUPT",
  [ErrorCode.QUOTA_EXCEEDED]: "QUOTA_EXCEEDED",
  [ErrorCode.STORAGE_BLOCKED]: "STORAGE_BLOCKED",
  [ErrorCode.STORAGE_LOST]: "STORAGE_LOST",
  [ErrorCode.STORAGE_IO]: "STORAGE_IO",
  [ErrorCode.CRASHED]: "CRASHED",
  [ErrorCode.UNSUPPORTED]: "UNSUPPORTED",
  [ErrorCode.LIMIT]: "LIMIT",
  [ErrorCode.CANCELLED]: "CANCELLED",
  [ErrorCode.DENIED]: "DENIED",
  [ErrorCode.CLOSED]: "CLOSED",
  [ErrorCode.SCHEMA_TOO_NEW]: "SCHEMA_TOO_NEW",
  [ErrorCode.INTERNAL]: "INTERNAL",
  [ErrorCode.LOCKED]: "LOCKED",
  [ErrorCode.WRONG_SECRET]: "WRONG_SECRET",
};

/** The contract's code of a failed operation → ours. */
const CODE_OF_OP_ERROR: Readonly<Record<OpErrorCode, AvatarErrorCode>> = {
  [OpErrorCode.UNSPECIFIED]: "INTERNAL",
  [OpErrorCode.CANCELLED]: "CANCELLED",
  [OpErrorCode.TIMEOUT]: "TIMEOUT",
  [OpErrorCode.QUOTA_EXCEEDED]: "QUOTA_EXCEEDED",
  [OpErrorCode.STORAGE_BLOCKED]: "STORAGE_BLOCKED",
  [OpErrorCode.STORAGE_LOST]: "STORAGE_LOST",
  [OpErrorCode.DENIED]: "DENIED",
  [OpErrorCode.NETWORK]: "NETWORK",
  [OpErrorCode.TOO_LARGE]: "LIMIT",
  [OpErrorCode.UNSUPPORTED]: "UNSUPPORTED",
  [OpErrorCode.OTHER]: "INTERNAL",
  [OpErrorCode.NOT_FOUND]: "NOT_FOUND",
  [OpErrorCode.CORRUPT]: "CORRUPT",
  [OpErrorCode.INVALID]: "INVALID_ARGUMENT",
};

const STORAGE_CODES: ReadonlySet<AvatarErrorCode> = new Set(["CORRUPT", "QUOTA_EXCEEDED", "STORAGE_BLOCKED", "STORAGE_LOST", "STORAGE_IO", "STORAGE_LOCKED", "SCHEMA_TOO_NEW"]);

/** The code for an application error of the contract; a number that this build does not know is INTERNAL. @internal */
export function codeOfAppError(code: ErrorCode): AvatarErrorCode {
  return CODE_OF_APP_ERROR[code] ?? "INTERNAL";
}

/** The code for a failed operation of the contract. @internal */
export function codeOfOpError(code: OpErrorCode): AvatarErrorCode {
  return CODE_OF_OP_ERROR[code] ?? "INTERNAL";
}

/** The error, of the fitting class, for a code. @internal */
export function errorOfCode(code: AvatarErrorCode, message: string, options: { cause?: unknown; retryable?: boolean } = {}): AvatarError {
  if (STORAGE_CODES.has(code)) return new AvatarStorageError(code, message, options);
  if (code === "INVALID_ARGUMENT") return new AvatarArgumentError(message, options);
  if (code === "NOT_FOUND") return new AvatarNotFoundError(message, options);
  if (code === "CLOSED" || code === "CANCELLED") return new AvatarClosedError(code, message, options);
  if (code === "LOCKED") return new AvatarLockedError(message, options);
  return new AvatarError(code, message, options);
}

/** The error that an AppError of the contract stands for. @internal */
export function errorOfAppError(error: { code: ErrorCode; message: string; retryable: boolean }): AvatarError {
  const code = codeOfAppError(error.code);
  return errorOfCode(code, error.message || `The node answered ${code}.`, { retryable: error.retryable });
}
