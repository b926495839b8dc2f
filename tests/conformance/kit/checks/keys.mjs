// Key sets: H21 to H23, and what H3 and H14 say of their commands. The cryptography is checked here; the guest has none.
import { createPublicKey, diffieHellman, generateKeyPairSync, verify } from "node:crypto";

const check = (name, request, cites) => ({ name, cites, run: (host) => host.pass(request) });

const KEY_BYTES = 32;
/** What stands before a public key in DER (RFC 8410). */
const ED25519 = "302a300506032b6570032100";
const X25519 = "302a300506032b656e032100";
const publicKey = (prefix, bytes) => createPublicKey({ key: Buffer.concat([Buffer.from(prefix, "hex"), bytes]), format: "der", type: "spki" });

/** The two things of one answer (`tell` in the guest); nothing from a host that lacks the algorithm. */
async function told(host, request) {
  const [answer] = await host.pass(request);
  return answer === undefined ? [] : [answer.subarray(1, 1 + answer[0]), answer.subarray(1 + answer[0])];
}

/** A key set is made, then `happens`, then it is the same. */
async function isKept(host, happens) {
  const made = await told(host, "keys-make kept-1");
  await happens();
  await host.pass(`keys-kept kept-1 ${made.map((part) => part.toString("hex")).join(" ")}`);
}

export const checks = [
  check("a command for keys is copied before avatar_keys returns", "keys-scrambled", ["H3"]),
  check("commands for keys complete once, also after a cancel", "keys-once", ["H14"]),
  check("commands for keys that are malformed or outside the limits are INVALID", "keys-limits", ["H21"]),
  check("a key set that is not there is NOT_FOUND, until it is opened", "keys-unknown", ["H21"]),
  check("a key set is one, however many open it at once", "keys-same", ["H22"]),
  {
    name: "a key set is the same in the next instance",
    cites: ["H22"],
    run: (host) => isKept(host, () => host.crashes(host.ask("trap turn"), "the request that traps")),
  },
  {
    name: "a key set that is more than memory is the same in the next host",
    cites: ["H22"],
    async run(host) {
      host.needs("restart", "the host does not claim to start again on the same database");
      const [opened] = await told(host, "keys-make memory");
      // KeysResult.protection, the first field: 1 is MEMORY.
      if (opened[0] === 8 && opened[1] === 1) host.skip("the host keeps keys in memory, and says so");
      await isKept(host, () => host.restart());
    },
  },
  check("an erased key set is gone for good", "keys-erase", ["H22"]),
  {
    name: "signatures verify under the key set's public key",
    cites: ["H23"],
    async run(host) {
      for (const message of [Buffer.alloc(0), Buffer.from("message"), Buffer.alloc(32_768, "long")]) {
        const [key, signature] = await told(host, Buffer.concat([Buffer.from("keys-signature "), message]));
        if (!key) continue;
        host.require(signature.length === 64 && verify(null, message, publicKey(ED25519, key), signature), `the signature of ${message.length} bytes does not verify`);
      }
    },
  },
  {
    name: "two agree on one secret",
    cites: ["H23"],
    async run(host) {
      for (let nth = 0; nth < 4; nth++) {
        const ours = generateKeyPairSync("x25519");
        const bytes = ours.publicKey.export({ format: "der", type: "spki" }).subarray(-KEY_BYTES);
        const [key, shared] = await told(host, `keys-shared ${bytes.toString("hex")}`);
        if (!key) continue;
        const expected = diffieHellman({ privateKey: ours.privateKey, publicKey: publicKey(X25519, key) });
        host.require(shared.equals(expected), "the two have different secrets");
      }
    },
  },
  check("a public key of low order is INVALID", "keys-low-order", ["H23"]),
  check("what was wrapped comes back, undamaged and with its context alone", "keys-wrapping", ["H23"]),
];
