/**
 * The errors, as applications see them.
 *
 * @module
 */
export {
  AvatarArgumentError,
  AvatarClosedError,
  AvatarError,
  AvatarLoadError,
  AvatarLockedError,
  AvatarNotFoundError,
  AvatarStorageError,
  type AvatarErrorCode,
  type AvatarLoadErrorCode,
} from "./errors.js";
