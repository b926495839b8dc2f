/**
 * The messages of `peers.proto` that a client reads.
 *
 * @module
 */
import { toBase64Url } from "../base64url.js";
import { read, type Table } from "../channel/tables.js";
import type { DeviceJoinStage, PeersVerdict } from "../gen/dao/avatar/v1/peers_pb.js";
import type { JoinProgress, JoinStage, PeersFinding, PeersState, PeerTransport } from "./api.js";

/** Field numbers of the cases of Response. */
export const PeersAnswer = { peers: 60, deviceInvitation: 61, deviceJoining: 62, peersDiagnosis: 63 } as const;

/** PeersState. */
export interface PeersStateMessage {
  supported: boolean;
  on: boolean;
  peerId: string;
  addresses: string[];
  relays: { address: string; connected: boolean; reserved: boolean; problem: string }[];
  devices: { signPublicKey: Uint8Array; name: string; peerId: string; connection: number; inSync: boolean; documentsDone: number; documentsTotal: number }[];
  connections: { connection: number; peerId: string; address: string; relayed: boolean; transport: string; roundTripUs: number; bytesIn: number; bytesOut: number; device: Uint8Array }[];
  invitationExpiresMs: number;
}

const RELAY: Table = { 1: ["address", "string"], 2: ["connected", "bool"], 3: ["reserved", "bool"], 4: ["problem", "string"] };
const DEVICE: Table = {
  1: ["signPublicKey", "bytes"],
  2: ["name", "string"],
  3: ["peerId", "string"],
  4: ["connection", "uint"],
  5: ["inSync", "bool"],
  6: ["documentsDone", "uint"],
  7: ["documentsTotal", "uint"],
};
const CONNECTION: Table = {
  1: ["connection", "uint"],
  2: ["peerId", "string"],
  3: ["address", "string"],
  4: ["relayed", "bool"],
  5: ["transport", "string"],
  6: ["roundTripUs", "uint"],
  7: ["bytesIn", "uint"],
  8: ["bytesOut", "uint"],
  9: ["device", "bytes"],
};

const PEERS_STATE: Table = {
  1: ["supported", "bool"],
  2: ["on", "bool"],
  3: ["peerId", "string"],
  4: ["addresses", "string", true],
  5: ["relays", RELAY, true],
  6: ["devices", DEVICE, true],
  7: ["connections", CONNECTION, true],
  8: ["invitationExpiresMs", "uint"],
};

/** Reads a PeersState. */
export const readPeersState = (bytes: Uint8Array): PeersStateMessage => read(PEERS_STATE, bytes);

/** Reads a DeviceInvitation. */
export const readDeviceInvitation = (bytes: Uint8Array): { code: string; expiresMs: number } => read({ 1: ["code", "string"], 2: ["expiresMs", "uint"] }, bytes);

/** DeviceJoining. */
export interface DeviceJoiningMessage {
  stage: DeviceJoinStage;
  documentsDone: number;
  documentsTotal: number;
}

/** Reads a DeviceJoining. */
export const readDeviceJoining = (bytes: Uint8Array): DeviceJoiningMessage => read({ 1: ["stage", "uint"], 2: ["documentsDone", "uint"], 3: ["documentsTotal", "uint"] }, bytes);

/** PeersDiagnosis. */
export interface PeersDiagnosisMessage {
  findings: { verdict: PeersVerdict; subject: string; text: string }[];
}

/** Reads a PeersDiagnosis. */
export const readPeersDiagnosis = (bytes: Uint8Array): PeersDiagnosisMessage => read({ 1: ["findings", { 1: ["verdict", "uint"], 2: ["subject", "string"], 3: ["text", "string"] }, true] }, bytes);

/** The state as applications get it. */
export function peersStateOf({ supported, on, peerId, addresses, relays, devices, connections, invitationExpiresMs }: PeersStateMessage): PeersState {
  return {
    supported,
    on,
    ...(peerId && { peerId }),
    addresses,
    relays: relays.map(({ problem, ...relay }) => ({ ...relay, ...(problem && { problem }) })),
    devices: devices.map(({ signPublicKey, ...device }) => ({ id: toBase64Url(signPublicKey), ...device })),
    connections: connections.map(({ connection, transport, roundTripUs, device, ...facts }) => ({
      id: connection,
      ...facts,
      transport: transport as PeerTransport,
      ...(roundTripUs && { roundTripMs: roundTripUs / 1000 }),
      ...(device.length > 0 && { device: toBase64Url(device) }),
    })),
    ...(invitationExpiresMs && { invitationExpiresAt: new Date(invitationExpiresMs) }),
  };
}

const STAGES: readonly JoinStage[] = ["connecting", "finding", "identity", "documents", "done"];

/** The progress as applications get it. */
export const joinProgressOf = ({ stage, ...documents }: DeviceJoiningMessage): JoinProgress => ({ stage: STAGES[stage - 1] ?? "connecting", ...documents });

const VERDICTS: readonly PeersFinding["verdict"][] = ["good", "fair", "bad"];

/** The findings as applications get them. */
export const findingsOf = ({ findings }: PeersDiagnosisMessage): PeersFinding[] => findings.map(({ verdict, ...finding }) => ({ verdict: VERDICTS[verdict - 1] ?? "fair", ...finding }));
