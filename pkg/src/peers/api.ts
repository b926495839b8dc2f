/**
 * The public types of `avatar.peers`: the person's devices on the network, how they are reached, and how a new one is taken in; and presence at documents.
 *
 * @module
 */
import type { Unsubscribe } from "../api.js";

/** How this node and the network are. */
export interface PeersState {
  /** The host can reach others (libp2p). */
  readonly supported: boolean;
  /** This node meets the person's other devices. See {@link Peers.connect}. */
  readonly on: boolean;
  /** The host's libp2p peer id; absent before the host has told it. */
  readonly peerId?: string;
  /** Multiaddrs at which others can reach this node. */
  readonly addresses: readonly string[];
  /** The relays that are in use. */
  readonly relays: readonly RelayState[];
  /** The other devices that are connected now. */
  readonly devices: readonly ConnectedDevice[];
  /** All connections of the host, those to relays among them. */
  readonly connections: readonly PeerConnection[];
  /** Until when an invitation counts; absent while there is none. */
  readonly invitationExpiresAt?: Date;
}

/** A relay, by which devices find and reach each other. It can read nothing of what passes through it. */
export interface RelayState {
  /** Its multiaddr. */
  readonly address: string;
  /** There is a connection to it. */
  readonly connected: boolean;
  /** Others can reach this node by it. */
  readonly reserved: boolean;
  /** What went wrong last, in words for people; absent while all is well. */
  readonly problem?: string;
}

/** Another device of the person that is connected now. */
export interface ConnectedDevice {
  /** Names it, as in {@link Device.id}. */
  readonly id: string;
  /** What the person calls it. */
  readonly name: string;
  /** Its host's libp2p peer id. */
  readonly peerId: string;
  /** Its best connection: {@link PeerConnection.id}. */
  readonly connection: number;
  /** Both have the same. */
  readonly inSync: boolean;
  /** Documents that have been brought into step since it was connected. */
  readonly documentsDone: number;
  /** Documents that differed. */
  readonly documentsTotal: number;
}

/** By what a connection runs. */
export type PeerTransport = "webrtc" | "webtransport" | "websocket" | "quic" | "tcp" | "other";

/** A connection of the host. */
export interface PeerConnection {
  /** Names it. */
  readonly id: number;
  /** Who is at its other end. */
  readonly peerId: string;
  /** The multiaddr of its other end. */
  readonly address: string;
  /** It goes by way of a relay. */
  readonly relayed: boolean;
  /** By what it runs. */
  readonly transport: PeerTransport;
  /** How long there and back takes, in milliseconds; absent while that is not known. */
  readonly roundTripMs?: number;
  /** Bytes that came. */
  readonly bytesIn: number;
  /** Bytes that went. */
  readonly bytesOut: number;
  /** The device at its other end, as in {@link Device.id}; absent where it is none of the person's. */
  readonly device?: string;
}

/** An invitation for a new device, which lasts ten minutes and counts once. */
export interface DeviceInvitation {
  /** For {@link Peers.join} on the new device. A secret: whoever has it can become a device of this person. Show it, and send it to no server. */
  readonly code: string;
  /** Until when it counts. */
  readonly expiresAt: Date;
  /** From now on nobody can use it. Idempotent. */
  cancel(): Promise<void>;
}

/** How far a joining is, from the first stage to the last. */
export type JoinStage = "connecting" | "finding" | "identity" | "documents" | "done";

/** How far a joining is. */
export interface JoinProgress {
  /** `"connecting"`: on the way to a relay. `"finding"`: looking for the other device, and proving the secret. `"identity"`: the identity is here. `"documents"`: they come. `"done"`: all is here. */
  readonly stage: JoinStage;
  /** Documents that have come. */
  readonly documentsDone: number;
  /** Documents that were missing; 0 while that is not known. */
  readonly documentsTotal: number;
}

/** Options of {@link Peers.join}. */
export interface JoinOptions {
  /** What the person calls this device. */
  name?: string;
  /** Told each step. */
  onProgress?: (progress: JoinProgress) => void;
  /** Gives it up. After the stage `"identity"` the device is linked all the same, and goes on in the background. */
  signal?: AbortSignal;
}

/** One thing that {@link Peers.diagnose} looked at. */
export interface PeersFinding {
  /** `"fair"`: it works, and could be better. */
  readonly verdict: "good" | "fair" | "bad";
  /** What it is about; stable, for programs: `"host"`, `"off"`, `"relays"`, `"relay"`, `"reachable"`, `"devices"`, `"device"`, `"path"`. */
  readonly subject: string;
  /** What was found, in words for people. */
  readonly text: string;
}

/** The person's devices on the network. Changes of the state are told by the event `peers` of the Avatar. */
export interface Peers {
  /** The state now. @throws AvatarError `UNSUPPORTED` where the node has no network, `LOCKED` */
  state(): Promise<PeersState>;
  /** Says by which relays (multiaddrs with the relay's peer id, at most 16) devices find each other, from now on and after each restart; in the place of those that were said before. */
  useRelays(relays: readonly string[]): Promise<PeersState>;
  /** Whether this node meets the person's other devices. That is kept; to link a device turns it on. */
  connect(on?: boolean): Promise<PeersState>;
  /** Invites a new device of this person. An invitation takes the place of one before. */
  invite(): Promise<DeviceInvitation>;
  /**
   * Makes this node a device of the person who made the invitation. Resolves when everything of the other device is here.
   * @throws AvatarError `ALREADY_EXISTS` where something belongs to the identity that is here, `WRONG_SECRET` or `INVALID_ARGUMENT` where the code is none, `NOT_FOUND`, `NETWORK`, `CANCELLED`, …
   */
  join(code: string, options?: JoinOptions): Promise<void>;
  /** Looks at what is well with the network, and what is not and why. */
  diagnose(): Promise<readonly PeersFinding[]>;
}

/** What another device says of itself at a document. */
export interface PresentDevice {
  /** Names it, as in {@link Device.id}. */
  readonly device: string;
  /** What it says: what was given to {@link Presence.set} there. It comes from another device, perhaps of another version: look at it before you use it. */
  readonly data: unknown;
}

/** Who is at a document now, such as whose cursor is where. It is kept nowhere, and gone with the device that said it. */
export interface Presence {
  /** The others that are here now. */
  readonly others: readonly PresentDevice[];
  /**
   * Says something of this device to the others: anything that is JSON, of at most 4 KiB as such; `undefined` = no longer here. It is told again to who comes later, and taken back when the document
   * is closed. Of several tabs of a device, what was said last counts.
   * @throws AvatarArgumentError
   */
  set(data: unknown): void;
  /** Calls with the others now and after each change. */
  subscribe(listener: (others: readonly PresentDevice[]) => void): Unsubscribe;
}
