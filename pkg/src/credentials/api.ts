/**
 * The public types of `avatar.credentials`: Verifiable Credentials 2.0.
 *
 * @module
 */

/** A secured credential or presentation: an object (JSON with its proof), or a string (compact JOSE). Where one is given, JSON as text is taken, too. */
export type SecuredDocument = { readonly [property: string]: unknown } | string;

/** The id of a kept credential: 26 characters of Crockford base32, as of documents. */
export type CredentialId = string;

/** How a document is secured. Default: `"eddsa-jcs-2022"`. */
export type Securing = "eddsa-jcs-2022" | "eddsa-rdfc-2022" | "jose";

/** A credential of the wallet. */
export interface KeptCredential {
  /** Names it here. */
  readonly id: CredentialId;
  /** The credential itself. */
  readonly document: SecuredDocument;
  /** Since when it is kept. */
  readonly keptAt: Date;
  /** It was issued by this node. */
  readonly issued: boolean;
  /** It was issued by this node, and revoked by it. */
  readonly revoked: boolean;
}

/** What a verification found. */
export interface VerificationReport {
  /** Every check that had to be made passed. */
  readonly verified: boolean;
  /** The checks, in the order in which they were made. */
  readonly checks: readonly VerificationCheck[];
  /** Who issued the credential; empty where the document does not say. */
  readonly issuer: string;
  /** Who presents; absent where the document is a credential. */
  readonly holder?: string;
}

/** One check of a verification. */
export interface VerificationCheck {
  /** A stable name: `"proof.signature"`, `"validity.until"`, `"status"`, … */
  readonly id: string;
  /** What came out. */
  readonly outcome: "passed" | "failed" | "not-checked";
  /** What was found, in words for people. */
  readonly detail: string;
  /** What it is about: `"credential"`, `"presentation"`, `"credential 2"`, `"status list"`. */
  readonly subject: string;
}

/** A request for a presentation, to be given to the holder. */
export interface PresentationRequest {
  /** A VerifiablePresentationRequest, as JSON. */
  readonly request: { readonly [property: string]: unknown };
  /** The fresh challenge in it, which one presentation can answer within ten minutes. */
  readonly challenge: string;
}

/** The credentials of an Avatar: what it holds, issues and verifies. */
export interface Credentials {
  /**
   * Signs a credential with the identity's key. What is missing of `@context`, `type`, `issuer` and `validFrom` is filled in.
   * `keep` keeps it here. `statusListUrl` keeps it, too, and gives it a place in a status list that is to be published at this address, so that it can be revoked.
   */
  issue(credential: { readonly [property: string]: unknown }, options?: { securing?: Securing; statusListUrl?: string; keep?: boolean }): Promise<SecuredDocument>;
  /**
   * Checks a credential or a presentation. Resolves with a report also where it does not verify.
   * Of a presentation: `challenge` and `domain` are those of the request. `statusLists` are at hand and need not be fetched; `offline` asks nobody.
   */
  verify(document: SecuredDocument, options?: { challenge?: string; domain?: string; statusLists?: readonly SecuredDocument[]; offline?: boolean }): Promise<VerificationReport>;
  /** Presents credentials, kept ones by id or any as documents, to the verifier who asked with this challenge and domain. */
  present(credentials: CredentialId | SecuredDocument | readonly (CredentialId | SecuredDocument)[], options: { challenge: string; domain: string; securing?: Securing }): Promise<SecuredDocument>;
  /** Asks for a presentation. `types`: what the credentials must be; none = any. */
  request(options: { types?: readonly string[]; domain: string; reason?: string }): Promise<PresentationRequest>;
  /** The credentials that are kept, with those that were issued here. */
  list(): Promise<KeptCredential[]>;
  /** Keeps a credential. */
  keep(document: SecuredDocument): Promise<KeptCredential>;
  /** Forgets a kept credential. */
  forget(id: CredentialId): Promise<void>;
  /** Revokes a kept credential that was issued here with a status list. Gives the list, to be published at its address. */
  revoke(id: CredentialId): Promise<SecuredDocument>;
  /** A status list of this node, freshly signed. @throws AvatarNotFoundError */
  statusList(url: string): Promise<SecuredDocument>;
  /** The DID document of a DID (did:key, did:jwk, did:web). @throws AvatarError `NOT_FOUND`, `UNSUPPORTED`, `DENIED`, `NETWORK`, … */
  resolve(did: string): Promise<{ readonly [property: string]: unknown }>;
}
