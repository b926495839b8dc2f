/**
 * What differs between a browser and Node.
 *
 * @module
 */
import type { AvatarOptions } from "./api.js";
import type { Channel } from "./channel/channel.js";
import type { Connector, ConnectorEvents } from "./leader/connector.js";

/** One for browsers, one for Node. */
export interface Environment {
  /** How a client reaches its host here. What is missing is added to `lacking`, in words. */
  connector(options: AvatarOptions, channel: Channel, lacking: string[], events: ConnectorEvents): Connector;
  /** Asks for persistent storage; undefined where there is no such question. */
  persist(): Promise<boolean | undefined>;
}
