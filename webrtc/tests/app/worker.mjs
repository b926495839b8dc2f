// Our node in a dedicated worker. Its RTCPeerConnections are in the window.
import init, { TestPeer } from "/peer/webrtc_test_peer.js";

const started = new Promise((resolve) => {
  globalThis.onmessage = async ({ data: { options } }) => {
    globalThis.onmessage = ({ data }) => answer(data);
    await init();
    resolve(new TestPeer(options));
  };
});

async function answer({ id, name, args }) {
  try {
    const peer = await started;
    const member = peer[name];
    globalThis.postMessage({ id, value: typeof member === "function" ? await member.apply(peer, args) : member });
  } catch (error) {
    globalThis.postMessage({ id, error: String(error?.message ?? error) });
  }
}
