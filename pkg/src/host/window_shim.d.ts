/**
 * What this package uses of webrtc/shim/window-shim.js, which serves RTCPeerConnection to a worker; the build puts it here.
 *
 * @module
 */

/** Serves the RTCPeerConnections of this window to a worker at the other end of `port`. */
export function serveWebRtc(port: MessagePort): { close(): void };
