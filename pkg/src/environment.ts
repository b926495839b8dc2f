/**
 * What differs between a browser and Node.
 *
 * @module
 */
import type { AvatarOptions } from "./api.js";
import type { Channel } from "./channel/channel.js";
import type { PasskeyMaker } from "./identity/passkeys.js";
import type { Connector, ConnectorEvents } from "./leader/connector.js";

/** Makes the connector of a client. */
export type MakeConnector = (channel: Channel, events: ConnectorEvents) => Connector;

/** One for browsers, one for Node. */
export interface Environment {
  /** Finds out how a client reaches its host here. What is missing is added to `lacking`, in words, also later. */
  prepare(options: AvatarOptions, lacking: string[]): Promise<MakeConnector>;
  /** Asks for persistent storage; undefined where there is no such question. */
  persist(): Promise<boolean | undefined>;
  /** Where passkeys are made and asked. */
  readonly passkeys: PasskeyMaker;
}
