/**
 * One key set over Node's cryptography: Ed25519, X25519 and AES-256-GCM. The private keys are in OpenSSL's memory, and in the file of whoever asks for the secrets.
 *
 * @module
 */
import { createCipheriv, createDecipheriv, createPrivateKey, createPublicKey, createSecretKey, diffieHellman, randomBytes, sign, type KeyObject } from "node:crypto";
import { AvatarArgumentError, AvatarError } from "../errors.js";

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** What stands before the 32 bytes of a key in DER (RFC 8410, §7 and §4). */
const PRIVATE = { ed25519: "302e020100300506032b657004220420", x25519: "302e020100300506032b656e04220420" } as const;
const X25519_PUBLIC = "302a300506032b656e032100";

/** See the module. */
export class KeySet {
  /** The length of the secrets of a key set. */
  static readonly SECRET_BYTES = 3 * KEY_BYTES;
  readonly #sign: KeyObject;
  readonly #agree: KeyObject;
  readonly #wrap: KeyObject;

  /** Wipes the secrets, which a key set has taken then. */
  constructor(secrets: Buffer) {
    this.#sign = privateKey(PRIVATE.ed25519, secrets.subarray(0, KEY_BYTES));
    this.#agree = privateKey(PRIVATE.x25519, secrets.subarray(KEY_BYTES, 2 * KEY_BYTES));
    this.#wrap = createSecretKey(secrets.subarray(2 * KEY_BYTES));
    secrets.fill(0);
  }

  static generate(): KeySet {
    return new KeySet(randomBytes(KeySet.SECRET_BYTES));
  }

  /** What the constructor takes. The caller wipes it. */
  secrets(): Buffer {
    const parts = [rawPrivateKey(this.#sign), rawPrivateKey(this.#agree), this.#wrap.export()];
    const secrets = Buffer.concat(parts);
    for (const part of parts) part.fill(0);
    return secrets;
  }

  get signPublicKey(): Uint8Array {
    return rawPublicKey(this.#sign);
  }

  get agreePublicKey(): Uint8Array {
    return rawPublicKey(this.#agree);
  }

  sign(message: Uint8Array): Uint8Array {
    return new Uint8Array(sign(null, message, this.#sign));
  }

  /** @throws AvatarArgumentError for a public key of low order */
  agree(publicKey: Uint8Array): Uint8Array {
    const theirs = createPublicKey({ key: Buffer.concat([Buffer.from(X25519_PUBLIC, "hex"), publicKey]), format: "der", type: "spki" });
    let shared: Buffer;
    try {
      shared = diffieHellman({ privateKey: this.#agree, publicKey: theirs });
    } catch (cause) {
      throw new AvatarArgumentError("A public key of low order.", { cause });
    }
    if (shared.every((byte) => byte === 0)) throw new AvatarArgumentError("A public key of low order.");
    return new Uint8Array(shared);
  }

  /** Nonce, ciphertext, tag. */
  wrap(secret: Uint8Array, context: Uint8Array): Uint8Array {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#wrap, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(context);
    return new Uint8Array(Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]));
  }

  /** @throws AvatarError `CORRUPT` */
  unwrap(wrapped: Uint8Array, context: Uint8Array): Uint8Array {
    try {
      const decipher = createDecipheriv("aes-256-gcm", this.#wrap, wrapped.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
      decipher.setAAD(context);
      decipher.setAuthTag(wrapped.subarray(Math.max(NONCE_BYTES, wrapped.length - TAG_BYTES)));
      const secret = decipher.update(wrapped.subarray(NONCE_BYTES, -TAG_BYTES));
      decipher.final();
      return new Uint8Array(secret);
    } catch (cause) {
      throw new AvatarError("CORRUPT", "Not wrapped by this key set with this context.", { cause });
    }
  }
}

function privateKey(prefix: string, seed: Buffer): KeyObject {
  const der = Buffer.concat([Buffer.from(prefix, "hex"), seed]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  der.fill(0);
  return key;
}

function rawPrivateKey(key: KeyObject): Buffer {
  const der = key.export({ format: "der", type: "pkcs8" });
  const seed = Buffer.from(der.subarray(-KEY_BYTES));
  der.fill(0);
  return seed;
}

function rawPublicKey(key: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-KEY_BYTES));
}
