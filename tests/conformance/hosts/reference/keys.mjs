// Key sets (keys.proto) over Node's cryptography. In memory, which in this host stands for the medium too: what is to outlive a host is kept by the adapter.
import { createCipheriv, createDecipheriv, createPublicKey, diffieHellman, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { KeyProtection, KeysCommandSchema, KeysResultSchema } from "../../../../pkg/dist/gen/dao/avatar/v1/keys_pb.js";
import { OpErrorCode, OpFailed, Refused, Status } from "./status.mjs";

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = "aes-256-gcm";
/** What stands before an X25519 public key in DER (RFC 8410). */
const X25519_PUBLIC = Buffer.from("302a300506032b656e032100", "hex");

const publicBytes = (key) => createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-KEY_BYTES);

/** Outlives the instances that use it. */
export class Keys {
  sets = new Map();

  /** Reads a command, or refuses it (H21). */
  decode(bytes) {
    let name, command;
    try {
      ({ name, command } = fromBinary(KeysCommandSchema, bytes));
    } catch {
      throw new Refused(Status.INVALID);
    }
    if (!this.isWithinLimits(name, command)) throw new Refused(Status.INVALID);
    return { name, command };
  }

  isWithinLimits(name, { case: what, value }) {
    if (!/^[a-z0-9-]{1,64}$/.test(name)) return false;
    if (what === "sign") return value.message.length <= 32_768;
    if (what === "agree") return value.publicKey.length === KEY_BYTES;
    if (what === "wrap") return value.secret.length <= 4_096 && value.context.length <= 1_024;
    if (what === "unwrap") return value.wrapped.length <= 4_160 && value.context.length <= 1_024;
    return what === "open" || what === "erase";
  }

  /** Runs a command. Returns the head of the completion. */
  run({ name, command }) {
    return { head: toBinary(KeysResultSchema, create(KeysResultSchema, this[command.case](name, command.value))) };
  }

  open(name) {
    const created = !this.sets.has(name);
    if (created) this.sets.set(name, this.generate());
    const { signing, agreement } = this.sets.get(name);
    return { protection: KeyProtection.FILE, signPublicKey: publicBytes(signing), agreePublicKey: publicBytes(agreement), created };
  }

  generate() {
    return { signing: generateKeyPairSync("ed25519").privateKey, agreement: generateKeyPairSync("x25519").privateKey, wrapping: randomBytes(KEY_BYTES) };
  }

  get(name) {
    const set = this.sets.get(name);
    if (!set) throw new OpFailed(Status.NOT_FOUND, OpErrorCode.NOT_FOUND, "there is no such key set");
    return set;
  }

  sign(name, { message }) {
    return { data: sign(null, message, this.get(name).signing) };
  }

  agree(name, { publicKey }) {
    const theirs = createPublicKey({ key: Buffer.concat([X25519_PUBLIC, publicKey]), format: "der", type: "spki" });
    const { agreement } = this.get(name);
    return { data: this.share(agreement, theirs) };
  }

  share(privateKey, publicKey) {
    try {
      return diffieHellman({ privateKey, publicKey });
    } catch {
      throw new OpFailed(Status.INVALID, OpErrorCode.INVALID, "a public key of low order");
    }
  }

  wrap(name, { secret, context }) {
    const { wrapping } = this.get(name);
    const nonce = this.nonce();
    const cipher = createCipheriv(CIPHER, wrapping, nonce);
    cipher.setAAD(this.bound(context));
    return { data: Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]) };
  }

  nonce() {
    return randomBytes(NONCE_BYTES);
  }

  /** What a wrapped secret is bound to. */
  bound(context) {
    return context;
  }

  unwrap(name, { wrapped, context }) {
    const { wrapping } = this.get(name);
    try {
      const decipher = createDecipheriv(CIPHER, wrapping, wrapped.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
      decipher.setAAD(this.bound(context));
      decipher.setAuthTag(wrapped.subarray(Math.max(NONCE_BYTES, wrapped.length - TAG_BYTES)));
      return { data: this.finish(decipher, decipher.update(wrapped.subarray(NONCE_BYTES, -TAG_BYTES))) };
    } catch {
      throw new OpFailed(Status.CORRUPT, OpErrorCode.CORRUPT, "not wrapped by this key set with this context");
    }
  }

  /** Throws when the tag does not fit. */
  finish(decipher, secret) {
    return Buffer.concat([secret, decipher.final()]);
  }

  erase(name) {
    this.sets.delete(name);
    return {};
  }
}
