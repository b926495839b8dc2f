// Key sets: H21 to H23.
import { createHash } from "node:crypto";
import { OpFailed } from "../status.mjs";

/** A host whose key sets are changed by `change`. */
const mutant = (must, fails, change) => ({ must, fails, parts: { Keys: change } });

export const mutants = {
  "takes commands for keys of any size and name": mutant(
    "H21",
    ["outside the limits"],
    (Base) =>
      class extends Base {
        isWithinLimits(name, { case: what }) {
          return what !== undefined;
        }
      },
  ),
  "takes an empty command for one to open": mutant(
    "H21",
    ["outside the limits"],
    (Base) =>
      class extends Base {
        isWithinLimits(name, command) {
          if (command.case === undefined) Object.assign(command, { case: "open", value: {} });
          return super.isWithinLimits(name, command);
        }
      },
  ),
  "makes the key set that is not there": mutant(
    "H21",
    ["is NOT_FOUND"],
    (Base) =>
      class extends Base {
        get(name) {
          this.open(name);
          return super.get(name);
        }
      },
  ),
  "does not erase what is not there": mutant(
    "H21",
    ["is NOT_FOUND"],
    (Base) =>
      class extends Base {
        erase(name) {
          // Once erased is remembered: erasing again is fine here.
          if (!this.sets.has(name) && !this.erased?.has(name)) this.get(name);
          this.erased = (this.erased ?? new Set()).add(name);
          return super.erase(name);
        }
      },
  ),
  "makes new keys for each who opens": mutant(
    "H22",
    ["however many", "in the next instance", "in the next host"],
    (Base) =>
      class extends Base {
        open(name) {
          this.sets.delete(name);
          return super.open(name);
        }
      },
  ),
  "tells everybody that they have created the key set": mutant(
    "H22",
    ["however many", "in the next instance", "in the next host"],
    (Base) =>
      class extends Base {
        open(name) {
          return { ...super.open(name), created: true };
        }
      },
  ),
  "has one key set for all names": mutant(
    "H22",
    ["however many"],
    (Base) =>
      class extends Base {
        generate() {
          return (this.only ??= super.generate());
        }
        erase(name) {
          this.only = undefined;
          return super.erase(name);
        }
        // Wrapping keeps them apart.
        wrap(name, wrap) {
          return super.wrap(name, { ...wrap, context: Buffer.concat([Buffer.from(name), wrap.context]) });
        }
        unwrap(name, unwrap) {
          return super.unwrap(name, { ...unwrap, context: Buffer.concat([Buffer.from(name), unwrap.context]) });
        }
      },
  ),
  "loses the keys with the instance": {
    must: "H22",
    fails: ["in the next instance"],
    parts: {
      Host: (Base) =>
        class extends Base {
          crashed(error) {
            this.keys.sets.clear();
            super.crashed(error);
          }
        },
    },
  },
  "loses the keys with the host, and promises a file": {
    must: "H22",
    fails: ["in the next host"],
    parts: {
      Host: (Base) =>
        class extends Base {
          async stop() {
            await super.stop();
            this.keys.sets.clear();
          }
        },
    },
  },
  "hides what it erases": mutant(
    "H22",
    ["gone for good"],
    (Base) =>
      class extends Base {
        hidden = new Map();
        generate() {
          return this.hidden.get("erased") ?? super.generate();
        }
        erase(name) {
          if (this.sets.has(name)) this.hidden.set(name, this.sets.get(name));
          return super.erase(name);
        }
      },
  ),
  "signs a digest of the message": mutant(
    "H23",
    ["signatures verify"],
    (Base) =>
      class extends Base {
        sign(name, { message }) {
          return super.sign(name, { message: createHash("sha512").update(message).digest() });
        }
      },
  ),
  "gives a digest of the shared secret": mutant(
    "H23",
    ["two agree"],
    (Base) =>
      class extends Base {
        share(...keys) {
          return createHash("sha256").update(super.share(...keys)).digest();
        }
      },
  ),
  "agrees with anybody on nothing": mutant(
    "H23",
    ["low order"],
    (Base) =>
      class extends Base {
        share(...keys) {
          try {
            return super.share(...keys);
          } catch (error) {
            if (error instanceof OpFailed) return Buffer.alloc(32);
            throw error;
          }
        }
      },
  ),
  "does not bind the context": mutant(
    "H23",
    ["with its context alone"],
    (Base) =>
      class extends Base {
        bound() {
          return Buffer.alloc(0);
        }
      },
  ),
  "does not wait for the tag": mutant(
    "H23",
    ["with its context alone"],
    (Base) =>
      class extends Base {
        finish(decipher, secret) {
          return secret;
        }
      },
  ),
  "uses a nonce twice": mutant(
    "H23",
    ["with its context alone"],
    (Base) =>
      class extends Base {
        nonce() {
          return Buffer.alloc(12);
        }
      },
  ),
};
