/**
 * Who runs the host, and how this client reaches it.
 *
 * @module
 */
import type { Channel } from "../channel/channel.js";
import type { AvatarError } from "../errors.js";
import type { RunningHost, StartHost } from "../host/running.js";

/** What a connector tells. */
export interface ConnectorEvents {
  role(role: "leader" | "follower"): void;
  /** This client cannot have a host: it did not start. */
  failed(error: AvatarError): void;
}

/** Connects a channel to a host, and again whenever the host is another one. */
export interface Connector {
  readonly role: "leader" | "follower";
  /** Begins. The channel becomes ready later. */
  start(): void;
  /** The host that this client reaches is gone, in good order. */
  hostClosed(): void;
  /** Lets go, at once. Idempotent. */
  close(): void;
}

/** One client, one host: no other tab is to be reckoned with (Node, or an engine without Web Locks). */
export class SoleConnector implements Connector {
  readonly role = "leader";
  readonly #channel: Channel;
  readonly #startHost: StartHost;
  readonly #events: ConnectorEvents;
  #running: RunningHost | undefined;
  #closed = false;

  constructor(channel: Channel, startHost: StartHost, events: ConnectorEvents) {
    this.#channel = channel;
    this.#startHost = startHost;
    this.#events = events;
  }

  start(): void {
    this.#startHost((error) => this.#closed || this.#events.failed(error)).then(
      (running) => {
        if (this.#closed) return running.stop();
        this.#running = running;
        this.#channel.connect(running.port);
      },
      (error: AvatarError) => this.#closed || this.#events.failed(error),
    );
  }

  hostClosed(): void {
    this.#running = undefined;
  }

  close(): void {
    this.#closed = true;
    this.#running?.stop();
    this.#running = undefined;
  }
}
