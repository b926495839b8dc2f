/**
 * Passkeys by WebAuthn (Level 3, section 10.1.4: PRF). A passkey that cannot evaluate a PRF is of no use here and refused.
 *
 * @module
 */
import { toBase64Url } from "../base64url.js";
import { AvatarClosedError, AvatarError } from "../errors.js";
import type { NewPasskey, PasskeyMaker } from "./passkeys.js";
import type { PasskeySecret } from "./requests.js";

/** Bytes of a salt, of a challenge and of what a PRF gives. */
const BYTES = 32;
/** Signature algorithms of COSE that authenticators have: EdDSA, ES256, RS256. The signature itself is not looked at: the PRF is what counts. */
const ALGORITHMS = [-8, -7, -257];

const random = (): Uint8Array<ArrayBuffer> => crypto.getRandomValues(new Uint8Array(BYTES));
const inMemory = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);

/** See {@link PasskeyMaker}. */
export const browserPasskeys: PasskeyMaker = {
  async make(label: string): Promise<NewPasskey> {
    const salt = random();
    const made = await asked(() =>
      navigator.credentials.create({
        publicKey: {
          rp: { name: document.title || location.hostname },
          user: { id: random(), name: label, displayName: label },
          challenge: random(),
          pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: "public-key", alg })),
          authenticatorSelection: { userVerification: "required", residentKey: "preferred" },
          extensions: { prf: { eval: { first: salt } } },
        },
      }),
    );
    const { prf } = made.getClientExtensionResults();
    if (prf?.enabled !== true) throw unsupported("This passkey cannot keep a secret for the page (WebAuthn's PRF extension).");
    // Many authenticators evaluate the PRF only when they are asked for the passkey.
    const secret = prf.results === undefined ? await browserPasskeys.ask([{ credentialId: new Uint8Array(made.rawId), salt }]) : secretOf(made, prf.results.first);
    return { secret, salt };
  },

  async ask(passkeys): Promise<PasskeySecret> {
    const found = await asked(() =>
      navigator.credentials.get({
        publicKey: {
          challenge: random(),
          allowCredentials: passkeys.map(({ credentialId }) => ({ type: "public-key", id: inMemory(credentialId) })),
          userVerification: "required",
          extensions: { prf: { evalByCredential: Object.fromEntries(passkeys.map(({ credentialId, salt }) => [toBase64Url(credentialId), { first: inMemory(salt) }])) } },
        },
      }),
    );
    const first = found.getClientExtensionResults().prf?.results?.first;
    if (first === undefined) throw unsupported("The passkey gave no secret (WebAuthn's PRF extension).");
    return secretOf(found, first);
  },
};

function secretOf(credential: PublicKeyCredential, first: BufferSource): PasskeySecret {
  const prfOutput = ArrayBuffer.isView(first) ? new Uint8Array(first.buffer, first.byteOffset, first.byteLength) : new Uint8Array(first);
  return { credentialId: new Uint8Array(credential.rawId), prfOutput };
}

function unsupported(message: string, cause?: unknown): AvatarError {
  return new AvatarError("UNSUPPORTED", message, { cause });
}

/** Asks the browser. It says NotAllowedError alike for a person who says no and for one who is too slow. */
async function asked(ask: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  if (typeof PublicKeyCredential !== "function" || navigator.credentials === undefined) throw unsupported("This browser has no passkeys (WebAuthn).");
  try {
    const credential = await ask();
    if (credential instanceof PublicKeyCredential) return credential;
  } catch (cause) {
    const name = (cause as { name?: unknown } | null)?.name;
    if (name === "NotAllowedError" || name === "AbortError") throw new AvatarClosedError("CANCELLED", "The passkey was not given.", { cause });
    throw unsupported("The browser refused to use a passkey here.", cause);
  }
  throw unsupported("The browser gave no passkey.");
}
