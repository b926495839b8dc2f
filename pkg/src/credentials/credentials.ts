/**
 * The credentials of an Avatar, as asked of the Meta Unit.
 *
 * @module
 */
import { askFor } from "../channel/ask.js";
import type { Channel } from "../channel/channel.js";
import { AvatarArgumentError } from "../errors.js";
import { idFromString, isId } from "../ids.js";
import type { CredentialId, Credentials, KeptCredential, PresentationRequest, SecuredDocument, Securing, VerificationReport } from "./api.js";
import {
  CredentialAnswer,
  documentOf,
  keptOf,
  readCredentialDocument,
  readCredentialKept,
  readCredentialList,
  readCredentialRequested,
  readDidResolved,
  readVerificationReport,
  reportOf,
} from "./messages.js";
import {
  encodeCredentialListGet,
  encodeCredentialRequest,
  encodeForget,
  encodeIssue,
  encodeKeep,
  encodePresent,
  encodeResolve,
  encodeRevoke,
  encodeStatusListGet,
  encodeVerify,
  wireSecuring,
} from "./requests.js";

/** What must not be made twice, such as what takes a place in a status list. */
const ONCE = { once: true };

/** See {@link Credentials}. */
export class CredentialsOf implements Credentials {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  async issue(credential: { readonly [property: string]: unknown }, { securing, statusListUrl = "", keep = false }: { securing?: Securing; statusListUrl?: string; keep?: boolean } = {}): Promise<SecuredDocument> {
    return this.#document(encodeIssue(textOf(credential), securingOf(securing), statusListUrl, keep));
  }

  async verify(document: SecuredDocument, options: { challenge?: string; domain?: string; statusLists?: readonly SecuredDocument[]; offline?: boolean } = {}): Promise<VerificationReport> {
    const { challenge = "", domain = "", statusLists = [], offline = false } = options;
    const request = encodeVerify(textOf(document), { challenge, domain, statusLists: statusLists.map(textOf), offline });
    return reportOf(await askFor(this.#channel, request, CredentialAnswer.verificationReport, readVerificationReport));
  }

  async present(credentials: CredentialId | SecuredDocument | readonly (CredentialId | SecuredDocument)[], options: { challenge: string; domain: string; securing?: Securing }): Promise<SecuredDocument> {
    const { challenge, domain, securing } = options;
    const ids: Uint8Array[] = [];
    const documents: string[] = [];
    for (const each of Array.isArray(credentials) ? (credentials as readonly (CredentialId | SecuredDocument)[]) : [credentials as SecuredDocument]) {
      if (isId(each)) ids.push(idFromString(each));
      else documents.push(textOf(each));
    }
    return this.#document(encodePresent(ids, documents, { challenge, domain, securing: securingOf(securing) }));
  }

  async request({ types = [], domain, reason = "" }: { types?: readonly string[]; domain: string; reason?: string }): Promise<PresentationRequest> {
    const { request, challenge } = await askFor(this.#channel, encodeCredentialRequest(types, domain, reason), CredentialAnswer.credentialRequested, readCredentialRequested);
    return { request: JSON.parse(request) as PresentationRequest["request"], challenge };
  }

  async list(): Promise<KeptCredential[]> {
    const { credentials } = await askFor(this.#channel, encodeCredentialListGet(), CredentialAnswer.credentialList, readCredentialList);
    return credentials.map(keptOf);
  }

  async keep(document: SecuredDocument): Promise<KeptCredential> {
    return keptOf(await askFor(this.#channel, encodeKeep(textOf(document)), CredentialAnswer.credentialKept, readCredentialKept, ONCE));
  }

  async forget(id: CredentialId): Promise<void> {
    await this.#channel.ask(encodeForget(idFromString(id)));
  }

  async revoke(id: CredentialId): Promise<SecuredDocument> {
    return this.#document(encodeRevoke(idFromString(id)));
  }

  async statusList(url: string): Promise<SecuredDocument> {
    return this.#document(encodeStatusListGet(url));
  }

  async resolve(did: string): Promise<{ readonly [property: string]: unknown }> {
    const { document } = await askFor(this.#channel, encodeResolve(did), CredentialAnswer.didResolved, readDidResolved);
    return JSON.parse(document) as { readonly [property: string]: unknown };
  }

  async #document(request: Uint8Array): Promise<SecuredDocument> {
    return documentOf((await askFor(this.#channel, request, CredentialAnswer.credentialDocument, readCredentialDocument, ONCE)).document);
  }
}

/** A document as the contract takes it. @throws AvatarArgumentError */
function textOf(document: unknown): string {
  if (typeof document === "string" && document !== "") return document;
  if (typeof document !== "object" || document === null || Array.isArray(document)) throw new AvatarArgumentError("A credential is an object, JSON as text, or a compact JOSE string.");
  try {
    return JSON.stringify(document);
  } catch (cause) {
    throw new AvatarArgumentError("The credential is no JSON.", { cause });
  }
}

function securingOf(securing: Securing | undefined): number {
  const wire = wireSecuring(securing);
  if (wire === undefined) throw new AvatarArgumentError(`There is no securing ${JSON.stringify(securing)}.`);
  return wire;
}
