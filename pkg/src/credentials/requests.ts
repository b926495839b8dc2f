/**
 * The requests of `credentials.proto`. The tests compare each with the generated code.
 *
 * @module
 */
import { encodeRequest } from "../channel/tables.js";
import { Securing as WireSecuring } from "../gen/dao/avatar/v1/credentials_pb.js";
import type { Securing } from "./api.js";

const SECURINGS: Readonly<Record<Securing, WireSecuring>> = {
  "eddsa-jcs-2022": WireSecuring.EDDSA_JCS_2022,
  "eddsa-rdfc-2022": WireSecuring.EDDSA_RDFC_2022,
  jose: WireSecuring.JOSE,
};

/** The contract's number of a securing; undefined where there is no such securing. */
export function wireSecuring(securing: Securing | undefined): WireSecuring | undefined {
  return securing === undefined ? WireSecuring.UNSPECIFIED : Object.hasOwn(SECURINGS, securing) ? SECURINGS[securing] : undefined;
}

/** CredentialIssue. */
export const encodeIssue = (credential: string, securing: WireSecuring, statusListUrl: string, keep: boolean): Uint8Array => encodeRequest(60, { 1: credential, 2: securing, 3: statusListUrl, 4: keep });

/** CredentialVerify. */
export const encodeVerify = (document: string, options: { challenge: string; domain: string; statusLists: readonly string[]; offline: boolean }): Uint8Array =>
  encodeRequest(61, { 1: document, 2: options.challenge, 3: options.domain, 4: options.statusLists, 5: options.offline });

/** CredentialPresent. */
export const encodePresent = (ids: readonly Uint8Array[], documents: readonly string[], options: { challenge: string; domain: string; securing: WireSecuring }): Uint8Array =>
  encodeRequest(62, { 1: ids, 2: documents, 3: options.challenge, 4: options.domain, 5: options.securing });

/** CredentialRequest. */
export const encodeCredentialRequest = (types: readonly string[], domain: string, reason: string): Uint8Array => encodeRequest(63, { 1: types, 2: domain, 3: reason });

/** CredentialKeep. */
export const encodeKeep = (document: string): Uint8Array => encodeRequest(64, { 1: document });

/** CredentialListGet. */
export const encodeCredentialListGet = (): Uint8Array => encodeRequest(65);

/** CredentialForget. */
export const encodeForget = (id: Uint8Array): Uint8Array => encodeRequest(66, { 1: id });

/** CredentialRevoke. */
export const encodeRevoke = (id: Uint8Array): Uint8Array => encodeRequest(67, { 1: id });

/** StatusListGet. */
export const encodeStatusListGet = (url: string): Uint8Array => encodeRequest(68, { 1: url });

/** DidResolve. */
export const encodeResolve = (did: string): Uint8Array => encodeRequest(69, { 1: did });
