// The window's side of libp2p-webrtc-browser: owns the RTCPeerConnections, which exist in windows only, for a libp2p node that runs in a worker.
//
//   const { port1, port2 } = new MessageChannel();
//   const shim = serveWebRtc(port1);
//   worker.postMessage({ webrtc: port2 }, [port2]);     // there: PeerConnections::port(port2)
//   …
//   shim.close();                                       // ends all connections
//
// Data channels are transferred to the worker where the browser can, and else their messages are pumped through a port each. The messages of the port are described in
// src/peer/port.rs. Nothing here looks into what passes.

/** Writers in the worker may go on when the channel holds no more than this, in bytes; the same number as in src/channel.rs. */
const LOW_WATER = 16 * 1024;

/** Bytes that have left are reported in portions of this many. */
const REPORT_EVERY = 16 * 1024;

/**
 * Serves a worker at the other end of `port`.
 *
 * @param {MessagePort} port
 * @param {{ transfer?: boolean }} [options] `transfer: false` pumps even where channels could be transferred.
 * @returns {{ close(): void }} `close` ends every connection and tells the worker.
 */
export function serveWebRtc(port, { transfer = true } = {}) {
  /** @type {Map<number, Peer>} */
  const peers = new Map();
  const channels = new Channels(port, transfer);

  port.onmessage = async ({ data: { peer: number, call, op, ...fields } }) => {
    try {
      if (op === "new") peers.set(number, new Peer(number, port, channels, fields.iceServers));
      const peer = peers.get(number);
      if (op === "close") {
        peers.delete(number);
        peer?.close();
        return;
      }
      // A channel can be transferred only in the task that makes it, so nothing is awaited before that.
      if (op === "open" || op === "new") return channels.post({ peer: number, call }, "value", op === "open" ? peer.open() : peer.begin(fields.first));
      if (!OPERATIONS.has(op)) throw new TypeError(`there is no operation "${op}"`);
      const value = await peer[op](fields);
      if (call !== undefined) port.postMessage({ peer: number, call, value });
    } catch (error) {
      if (call !== undefined) port.postMessage({ peer: number, call, error: { name: error.name, message: error.message } });
    }
  };

  const close = () => {
    removeEventListener("pagehide", leave);
    port.onmessage = null;
    for (const peer of peers.values()) peer.close();
    peers.clear();
    port.postMessage({ gone: true });
    port.close();
  };
  // A browser that ends a page does not tell the remotes; who is told need not wait until the connection counts as lost.
  const leave = ({ persisted }) => persisted || close();
  addEventListener("pagehide", leave);
  return { close };
}

const OPERATIONS = new Set(["describe", "setLocal", "setRemote", "addCandidate", "closeInit"]);

/** One RTCPeerConnection. */
class Peer {
  #connection;
  #init;
  #report;

  constructor(number, port, channels, iceServers) {
    const connection = new RTCPeerConnection({ iceServers });
    this.#connection = connection;
    this.#report = (state) => port.postMessage({ peer: number, state });
    connection.onconnectionstatechange = () => this.#report(connection.connectionState);
    connection.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) port.postMessage({ peer: number, candidate: JSON.stringify(candidate) });
    };
    connection.ondatachannel = ({ channel }) => {
      // The remote closes its first `init` channel itself. Until then the browser must not throw it away, which would close it.
      if (channel.label === "init" && !this.#init) this.#init = channel;
      else channels.post({ peer: number }, "channel", channel);
    };
  }

  /** The first channel, where it is one for the worker. */
  begin(first) {
    if (first === "noise") return this.#connection.createDataChannel("", { negotiated: true, id: 0 });
    if (first === "init") this.#init = this.#connection.createDataChannel("init");
    return undefined;
  }

  open() {
    return this.#connection.createDataChannel("");
  }

  async describe({ kind }) {
    const { sdp } = await (kind === "offer" ? this.#connection.createOffer() : this.#connection.createAnswer());
    return sdp;
  }

  async setLocal({ kind, sdp }) {
    await this.#connection.setLocalDescription({ type: kind, sdp });
    this.#watch();
    return this.#connection.localDescription.sdp;
  }

  async setRemote({ kind, sdp }) {
    await this.#connection.setRemoteDescription({ type: kind, sdp });
    this.#watch();
  }

  /** A remote that closes its connection ends SCTP at once; the connection's own state follows seconds later in Chromium, and in Firefox not at all. */
  #watch() {
    const { sctp } = this.#connection;
    if (sctp) sctp.onstatechange = () => sctp.state === "closed" && this.#report("closed");
  }

  async addCandidate({ candidate }) {
    await this.#connection.addIceCandidate(JSON.parse(candidate));
  }

  /** Resolves when it is closed on both sides: earlier its number would be used again, and a remote that still closes it would close the new channel. */
  closeInit() {
    const init = this.#init;
    return new Promise((resolve) => {
      init.onclose = () => resolve();
      if (init.readyState === "connecting") init.onopen = () => init.close();
      else if (init.readyState === "closed") resolve();
      else init.close();
    });
  }

  close() {
    const connection = this.#connection;
    connection.onconnectionstatechange = connection.onicecandidate = connection.ondatachannel = null;
    if (connection.sctp) connection.sctp.onstatechange = null;
    connection.close();
  }
}

/** Gives channels to the worker: whole, or through a pump. */
class Channels {
  #port;
  #transfers;

  constructor(port, transfers) {
    this.#port = port;
    this.#transfers = transfers;
  }

  /** Posts `message` with the channel, if there is one, as its field `name`. */
  post(message, name, channel) {
    if (channel === undefined) return this.#port.postMessage(message);
    if (this.#transfers) {
      try {
        return this.#port.postMessage({ ...message, [name]: channel }, [channel]);
      } catch (error) {
        if (error.name !== "DataCloneError") throw error;
        this.#transfers = false;
      }
    }
    const { port1, port2 } = new MessageChannel();
    pump(channel, port1);
    this.#port.postMessage({ ...message, [name]: port2 }, [port2]);
  }
}

/** Passes messages between a channel and a port. The worker hears "open", "close" and how many of its bytes have left; it says "close". */
function pump(channel, port) {
  let unreported = 0;
  const report = () => {
    if (unreported > 0) port.postMessage(unreported);
    unreported = 0;
  };

  channel.binaryType = "arraybuffer";
  channel.bufferedAmountLowThreshold = LOW_WATER;
  channel.onopen = () => port.postMessage("open");
  channel.onmessage = ({ data }) => port.postMessage(data, data instanceof ArrayBuffer ? [data] : []);
  channel.onbufferedamountlow = report;
  channel.onclose = () => {
    port.postMessage("close");
    port.onmessage = null;
  };

  port.onmessage = ({ data }) => {
    if (data === "close") {
      channel.onopen = channel.onmessage = channel.onbufferedamountlow = channel.onclose = null;
      port.close();
      channel.close();
      return;
    }
    unreported += data.byteLength;
    try {
      channel.send(data);
    } catch {
      // Closed meanwhile: `onclose` tells the worker.
      return;
    }
    if (unreported >= REPORT_EVERY && channel.bufferedAmount <= LOW_WATER) report();
  };
  if (channel.readyState === "open") port.postMessage("open");
}
