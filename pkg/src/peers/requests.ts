/**
 * The requests of `peers.proto`. The tests compare each with the generated code.
 *
 * @module
 */
import { encodeRequest } from "../channel/tables.js";

/** PeersGet. */
export const encodePeersGet = (): Uint8Array => encodeRequest(80);

/** PeersConfigure. */
export const encodePeersConfigure = (relays: readonly string[]): Uint8Array => encodeRequest(81, { 1: relays });

/** PeersConnect. */
export const encodePeersConnect = (on: boolean): Uint8Array => encodeRequest(82, { 1: on });

/** DeviceInvite. */
export const encodeDeviceInvite = (): Uint8Array => encodeRequest(83);

/** DeviceInviteCancel. */
export const encodeDeviceInviteCancel = (): Uint8Array => encodeRequest(84);

/** DeviceJoin. */
export const encodeDeviceJoin = (code: string, name: string): Uint8Array => encodeRequest(85, { 1: code, 2: name });

/** PresenceSet. */
export const encodePresenceSet = (documentId: Uint8Array, data: Uint8Array): Uint8Array => encodeRequest(86, { 1: documentId, 2: data });

/** PeersDiagnose. */
export const encodePeersDiagnose = (): Uint8Array => encodeRequest(87);
