/**
 * One host for all tabs of an origin and database name. Tabs elect a leader with Web Locks; it runs the host; the others reach it by BroadcastChannels.
 * A lock goes with the tab that held it, however the tab ends: so take-over needs no heartbeat.
 *
 * @module
 */
import type { Channel } from "../channel/channel.js";
import type { PortLike } from "../channel/port.js";
import { AvatarError } from "../errors.js";
import type { RunningHost, StartHost } from "../host/running.js";
import type { Connector, ConnectorEvents } from "./connector.js";
import { clientChannelName, clientLockName, controlChannelName, isControlMessage, leaderLockName, type ControlMessage } from "./names.js";

/** So many failed workers within this time are not worth another one. */
const MAX_DEATHS = 3;
const DEATHS_WITHIN_MS = 30_000;

/** A connection to another tab's host. */
interface Following {
  channel: BroadcastChannel;
  /** Lets go of the lock that says that this client lives. */
  release: () => void;
}

/** Takes part in the election, and follows whoever leads. */
export class TabsConnector implements Connector {
  readonly #name: string;
  readonly #channel: Channel;
  readonly #startHost: StartHost;
  readonly #events: ConnectorEvents;
  /** Exists while this tab takes part: not closed, not frozen. Aborting it gives everything up. */
  #part: AbortController | undefined;
  #control: BroadcastChannel | undefined;
  #running: RunningHost | undefined;
  #following: Following | undefined;
  #resignLead: (() => void) | undefined;
  #role: "leader" | "follower" = "follower";
  #told: "leader" | "follower" | undefined;
  #closed = false;
  /** When workers of this tab failed, lately. */
  #deaths: number[] = [];

  constructor(name: string, channel: Channel, startHost: StartHost, events: ConnectorEvents) {
    this.#name = name;
    this.#channel = channel;
    this.#startHost = startHost;
    this.#events = events;
  }

  get role(): "leader" | "follower" {
    return this.#role;
  }

  start(): void {
    this.#watchPage();
    this.#takePart();
  }

  hostClosed(): void {
    this.#unfollow();
  }

  close(): void {
    this.#closed = true;
    this.#unwatchPage();
    this.#leavePart();
  }

  #takePart(): void {
    if (this.#closed || this.#part !== undefined) return;
    const part = new AbortController();
    this.#part = part;
    const control = new BroadcastChannel(controlChannelName(this.#name));
    this.#control = control;
    control.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (isControlMessage(data) && data.type === "leader" && this.#resignLead === undefined) this.#follow();
    };
    navigator.locks
      .request(leaderLockName(this.#name), { signal: part.signal }, () => this.#lead(part))
      .catch((error: unknown) => {
        if (!part.signal.aborted) this.#events.failed(new AvatarError("INTERNAL", "The election failed.", { cause: error }));
      });
    // There may be a leader already. If not, nobody hears the hello, and the lock comes at once.
    this.#follow();
  }

  #leavePart(): void {
    this.#part?.abort();
    this.#part = undefined;
    this.#control?.close();
    this.#control = undefined;
    this.#unfollow();
    this.#running?.stop();
    this.#running = undefined;
    this.#resignLead?.();
    this.#resignLead = undefined;
    this.#channel.disconnect();
  }

  /** Holds the lock for as long as the promise is pending. */
  #lead(part: AbortController): Promise<void> | undefined {
    if (part.signal.aborted) return undefined;
    return new Promise((resign) => {
      this.#resignLead = resign;
      this.#unfollow();
      this.#startHost((error) => part.signal.aborted || this.#died(error)).then(
        (running) => {
          if (part.signal.aborted) return running.stop();
          this.#running = running;
          this.#setRole("leader");
          this.#channel.connect(running.port);
        },
        (error: AvatarError) => {
          if (part.signal.aborted) return;
          // Another tab may have more luck.
          this.#leavePart();
          this.#events.failed(error);
        },
      );
    });
  }

  /** The worker failed. This tab stands for election again, behind the others; a host that dies again and again is given up. */
  #died(error: AvatarError): void {
    this.#leavePart();
    const now = performance.now();
    this.#deaths = [...this.#deaths.filter((at) => now - at < DEATHS_WITHIN_MS), now];
    if (this.#deaths.length < MAX_DEATHS) this.#takePart();
    else this.#events.failed(error);
  }

  #follow(): void {
    this.#unfollow();
    const client = crypto.randomUUID();
    const channel = new BroadcastChannel(clientChannelName(this.#name, client));
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const following: Following = { channel, release };
    this.#following = following;
    this.#channel.connect(channel as PortLike);
    navigator.locks
      .request(clientLockName(this.#name, client), () => {
        // The leader asks for this lock when it hears the hello: it must be ours by then.
        if (this.#following === following) {
          this.#control?.postMessage({ type: "hello", client } satisfies ControlMessage);
          this.#setRole("follower");
        }
        return held;
      })
      .catch((error: unknown) => {
        if (this.#following === following) this.#events.failed(new AvatarError("INTERNAL", "A lock was refused.", { cause: error }));
      });
  }

  #unfollow(): void {
    if (this.#following === undefined) return;
    const { channel, release } = this.#following;
    this.#following = undefined;
    this.#channel.disconnect();
    channel.close();
    release();
  }

  /** The first role is part of the start, not a change; but the leader of a start was a follower for a moment, which nobody needs to hear. */
  #setRole(role: "leader" | "follower"): void {
    this.#role = role;
    if (this.#told !== role && (this.#told !== undefined || role === "leader")) {
      this.#told = role;
      this.#events.role(role);
    }
  }

  /* A frozen page holds its locks and answers nobody: it must leave before. Chromium says `freeze`; pages that go to the back/forward cache say `pagehide`. ------------- */

  readonly #onHide = (event: PageTransitionEvent): void => {
    if (event.persisted) this.#leavePart();
  };
  readonly #onFreeze = (): void => this.#leavePart();
  readonly #onShow = (): void => this.#takePart();

  #watchPage(): void {
    if (typeof window === "undefined") return;
    window.addEventListener("pagehide", this.#onHide);
    window.addEventListener("pageshow", this.#onShow);
    document.addEventListener("freeze", this.#onFreeze);
    document.addEventListener("resume", this.#onShow);
  }

  #unwatchPage(): void {
    if (typeof window === "undefined") return;
    window.removeEventListener("pagehide", this.#onHide);
    window.removeEventListener("pageshow", this.#onShow);
    document.removeEventListener("freeze", this.#onFreeze);
    document.removeEventListener("resume", this.#onShow);
  }
}
