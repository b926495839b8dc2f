/**
 * What a credential, a presentation or a request for one says, in words and dates for people. Nothing here says whether it is true: that is what a verification is for.
 */
import { describedClaims, type Claim } from "./claims";
import { isJson, list, plain, strings, wordsOf, type Json } from "./json";

export type DocumentKind = "credential" | "presentation" | "request" | "did" | "unknown";

/** The facts of a credential. */
export interface CredentialFacts {
  readonly title: string;
  readonly description: string;
  readonly types: readonly string[];
  readonly issuer: Named;
  /** Whom it is about: DIDs or addresses, where it names them. */
  readonly subjects: readonly string[];
  readonly claims: readonly Claim[];
  readonly validFrom: Date | undefined;
  readonly validUntil: Date | undefined;
  /** It has a place in a status list. */
  readonly revocable: boolean;
  /** As a person may read it: JSON, with two spaces. */
  readonly json: string;
}

/** Somebody, by identifier and, where the document gives one, by name. */
export interface Named {
  readonly id: string;
  readonly name: string;
}

/** Somebody who asks for a presentation. */
export interface RequestFacts {
  readonly challenge: string;
  readonly domain: string;
  readonly reason: string;
  /** What kinds of credential are asked for: each by the types that one must have. Empty = any. */
  readonly kinds: readonly (readonly string[])[];
}

const COMPACT_JOSE = /^[\w-]+\.[\w-]+\.[\w-]*$/;
const DATA_URL_JOSE = /^data:application\/(?:vc|vp)\+jwt,/;

/** What is behind a text that was pasted or scanned, as JSON; undefined where it is neither JSON nor compact JOSE. */
export function readJson(document: Json | string): Json | undefined {
  if (typeof document !== "string") return document;
  const text = document.trim();
  try {
    const parsed: unknown = JSON.parse(COMPACT_JOSE.test(text) ? payloadOf(text) : text);
    return isJson(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** What kind of thing a text is. */
export function kindOf(document: Json | string): DocumentKind {
  if (typeof document === "string" && /^did:[a-z0-9]+:\S+$/.test(document.trim())) return "did";
  const json = readJson(document);
  if (json === undefined) return "unknown";
  const types = strings(json["type"]);
  if (types.includes("VerifiablePresentation")) return "presentation";
  if (types.includes("VerifiableCredential") || types.includes("EnvelopedVerifiableCredential") || "credentialSubject" in json) return "credential";
  if (types.includes("VerifiablePresentationRequest") || typeof json["challenge"] === "string") return "request";
  return "unknown";
}

/** The facts of a credential; undefined where the text is none. */
export function credentialFacts(document: Json | string): CredentialFacts | undefined {
  const outer = readJson(document);
  const json = outer && strings(outer["type"]).includes("EnvelopedVerifiableCredential") ? enveloped(outer) : outer;
  if (json === undefined || kindOf(json) !== "credential") return undefined;
  const types = strings(json["type"]).filter((type) => type !== "VerifiableCredential");
  const subjects = list(json["credentialSubject"]).filter(isJson);
  return {
    title: plain(json["name"]) || (types[0] === undefined ? "Credential" : wordsOf(types[0])),
    description: plain(json["description"]),
    types,
    issuer: named(json["issuer"]),
    subjects: subjects.map((subject) => plain(subject["id"])).filter(Boolean),
    claims: subjects.flatMap(describedClaims),
    validFrom: date(json["validFrom"] ?? json["issuanceDate"]),
    validUntil: date(json["validUntil"] ?? json["expirationDate"]),
    revocable: json["credentialStatus"] !== undefined,
    json: JSON.stringify(json, undefined, 2),
  };
}

/** The facts of the credentials in a presentation. */
export function presentedCredentials(document: Json | string): CredentialFacts[] {
  const json = readJson(document);
  if (json === undefined) return [];
  return list(json["verifiableCredential"]).flatMap((each) => (isJson(each) || typeof each === "string" ? (credentialFacts(each) ?? []) : []));
}

/** What a presentation was made for: the challenge and the domain in its proof, or in its JOSE header and claims. */
export function presentedFor(document: Json | string): { challenge: string; domain: string } {
  const json = readJson(document);
  if (json === undefined) return { challenge: "", domain: "" };
  const proof = list(json["proof"]).find(isJson) ?? json;
  return { challenge: plain(proof["challenge"] ?? proof["nonce"]), domain: plain(proof["domain"] ?? proof["aud"]) };
}

/** What a request asks for; undefined where the text is none. The types may stand in a query by example, as verifiers write it, or at the top. */
export function requestFacts(document: Json | string): RequestFacts | undefined {
  const json = readJson(document);
  if (json === undefined || kindOf(json) !== "request") return undefined;
  const challenge = plain(json["challenge"]);
  const domain = plain(json["domain"]);
  if (challenge === "" || domain === "") return undefined;
  const queries = list(json["query"]).filter(isJson).flatMap((query) => list(query["credentialQuery"] ?? query).filter(isJson));
  const examples = queries.flatMap((query) => list(query["example"]).filter(isJson));
  const kinds = [...strings(json["types"]).map((type) => [type]), ...examples.map((example) => strings(example["type"]).filter((type) => type !== "VerifiableCredential"))];
  const reasons = new Set([json["reason"], ...queries.map((query) => query["reason"])].map(plain).filter(Boolean));
  return { challenge, domain, reason: [...reasons].join(" "), kinds: kinds.filter((kind) => kind.length > 0) };
}

/** Whether a credential is one of those that are asked for. */
export function answers(request: RequestFacts, credential: CredentialFacts): boolean {
  return request.kinds.length === 0 || request.kinds.some((kind) => kind.every((type) => credential.types.includes(type)));
}

export type Validity = "valid" | "early" | "expired";

/** Whether a verification has to ask somebody: for the issuer's keys, or whether it was revoked. */
export function needsNetwork({ issuer, revocable }: Pick<CredentialFacts, "issuer" | "revocable">): boolean {
  return revocable || !/^did:(key|jwk):/.test(issuer.id);
}

/** What the dates alone say. */
export function validityOf({ validFrom, validUntil }: Pick<CredentialFacts, "validFrom" | "validUntil">, now = new Date()): Validity {
  if (validUntil !== undefined && validUntil < now) return "expired";
  return validFrom !== undefined && validFrom > now ? "early" : "valid";
}

function payloadOf(jose: string): string {
  const payload = (jose.split(".")[1] as string).replaceAll("-", "+").replaceAll("_", "/");
  return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(atob(payload), (character) => character.charCodeAt(0)));
}

function enveloped(json: Json): Json | undefined {
  const id = plain(json["id"]);
  return DATA_URL_JOSE.test(id) ? readJson(id.slice(id.indexOf(",") + 1)) : undefined;
}

function named(value: unknown): Named {
  return isJson(value) ? { id: plain(value["id"]), name: plain(value["name"]) } : { id: plain(value), name: "" };
}

function date(value: unknown): Date | undefined {
  if (typeof value !== "string") return undefined;
  const read = new Date(value);
  return Number.isNaN(read.getTime()) ? undefined : read;
}
