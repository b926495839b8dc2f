/** What {@link serveWebRtc} gives. */
export interface WebRtcShim {
  /** Ends every connection and tells the worker. */
  close(): void;
}

/** Serves the RTCPeerConnections of this window to a worker at the other end of `port`. */
export function serveWebRtc(
  port: MessagePort,
  options?: {
    /** `false` pumps messages even where data channels could be transferred. */
    transfer?: boolean;
  },
): WebRtcShim;
