/**
 * The messages of `credentials.proto` that a client reads.
 *
 * @module
 */
import { read, type Table } from "../channel/tables.js";
import { CheckOutcome } from "../gen/dao/avatar/v1/credentials_pb.js";
import { idToString } from "../ids.js";
import type { KeptCredential, SecuredDocument, VerificationCheck, VerificationReport } from "./api.js";

/** Field numbers of the cases of Response. */
export const CredentialAnswer = { credentialDocument: 50, verificationReport: 51, credentialRequested: 52, credentialList: 53, credentialKept: 54, didResolved: 55 } as const;

/** Reads a CredentialDocument. */
export const readCredentialDocument = (bytes: Uint8Array): { document: string; id: Uint8Array } => read({ 1: ["document", "string"], 2: ["id", "bytes"] }, bytes);

/** VerificationReport. */
export interface VerificationReportMessage {
  verified: boolean;
  checks: { id: string; outcome: CheckOutcome; detail: string; subject: string }[];
  issuer: string;
  holder: string;
}

const CHECK: Table = { 1: ["id", "string"], 2: ["outcome", "uint"], 3: ["detail", "string"], 4: ["subject", "string"] };

/** Reads a VerificationReport. */
export const readVerificationReport = (bytes: Uint8Array): VerificationReportMessage => read({ 1: ["verified", "bool"], 2: ["checks", CHECK, true], 3: ["issuer", "string"], 4: ["holder", "string"] }, bytes);

/** Reads a CredentialRequested. */
export const readCredentialRequested = (bytes: Uint8Array): { request: string; challenge: string } => read({ 1: ["request", "string"], 2: ["challenge", "string"] }, bytes);

/** CredentialKept. */
export interface CredentialKeptMessage {
  id: Uint8Array;
  document: string;
  keptMs: number;
  issued: boolean;
  revoked: boolean;
}

const KEPT: Table = { 1: ["id", "bytes"], 2: ["document", "string"], 3: ["keptMs", "sint"], 4: ["issued", "bool"], 5: ["revoked", "bool"] };

/** Reads a CredentialKept. */
export const readCredentialKept = (bytes: Uint8Array): CredentialKeptMessage => read(KEPT, bytes);

/** Reads a CredentialList. */
export const readCredentialList = (bytes: Uint8Array): { credentials: CredentialKeptMessage[] } => read({ 1: ["credentials", KEPT, true] }, bytes);

/** Reads a DidResolved. */
export const readDidResolved = (bytes: Uint8Array): { document: string } => read({ 1: ["document", "string"] }, bytes);

const OUTCOMES: Readonly<Record<CheckOutcome, VerificationCheck["outcome"]>> = {
  [CheckOutcome.UNSPECIFIED]: "not-checked",
  [CheckOutcome.PASSED]: "passed",
  [CheckOutcome.FAILED]: "failed",
  [CheckOutcome.NOT_CHECKED]: "not-checked",
};

/** A document as applications get it: JSON as an object, compact JOSE as it is. */
export function documentOf(document: string): SecuredDocument {
  return document.startsWith("{") ? (JSON.parse(document) as SecuredDocument) : document;
}

/** A kept credential as applications get it. */
export function keptOf({ id, document, keptMs, issued, revoked }: CredentialKeptMessage): KeptCredential {
  return { id: idToString(id), document: documentOf(document), keptAt: new Date(keptMs), issued, revoked };
}

/** The report as applications get it. */
export function reportOf({ verified, checks, issuer, holder }: VerificationReportMessage): VerificationReport {
  return {
    verified,
    checks: checks.map(({ id, outcome, detail, subject }) => ({ id, outcome: OUTCOMES[outcome] ?? "not-checked", detail, subject })),
    issuer,
    ...(holder === "" ? {} : { holder }),
  };
}
