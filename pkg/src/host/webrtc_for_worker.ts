/**
 * WebRTC for the worker, which only windows have.
 *
 * @module
 */

/** Serves it to one worker at a time, once the worker wants peers. */
export class WebRtcForWorker {
  #shim: { close(): void } | undefined;
  #closed = false;

  /** The worker's end; undefined where the browser has no WebRTC, or its part cannot be loaded: peers are reached without it. */
  async open(): Promise<MessagePort | undefined> {
    if (typeof RTCPeerConnection !== "function") return undefined;
    const loaded = await import("./window_shim.js").catch(() => undefined);
    if (loaded === undefined || this.#closed) return undefined;
    this.#shim?.close();
    const { port1, port2 } = new MessageChannel();
    this.#shim = loaded.serveWebRtc(port1);
    return port2;
  }

  /** The worker is gone, and its connections with it. */
  close(): void {
    this.#closed = true;
    this.#shim?.close();
  }
}
