// A page with one node: ours in the window, ours in a worker behind the shim, or js-libp2p's. The tests call its methods.
import init, { TestPeer } from "/peer/webrtc_test_peer.js";
import { Raw } from "/raw.mjs";
import { serveWebRtc } from "/shim/window-shim.js";

globalThis.startOurs = async ({ where, transfer, ...options }) => {
  globalThis.peer = where === "window" ? await inWindow(options) : inWorker(options, transfer);
  return globalThis.call("peerId");
};

globalThis.startJs = async (options) => {
  const { startJsPeer } = await import("/js/js-peer.js");
  globalThis.peer = await startJsPeer(options);
  return globalThis.call("peerId");
};

globalThis.startRaw = () => {
  globalThis.peer = new Raw();
};

/** Calls a method of the node, or reads a property. */
globalThis.call = async (name, ...args) => {
  const member = await globalThis.peer[name];
  return typeof member === "function" ? member.apply(globalThis.peer, args) : member;
};

/** How long a call takes, in milliseconds. */
globalThis.timed = async (name, ...args) => {
  const start = performance.now();
  await globalThis.call(name, ...args);
  return performance.now() - start;
};

async function inWindow(options) {
  await init();
  return new TestPeer(options);
}

function inWorker(options, transfer) {
  const worker = new Worker("/worker.mjs", { type: "module" });
  const { port1, port2 } = new MessageChannel();
  globalThis.shim = serveWebRtc(port1, { transfer });
  worker.postMessage({ options: { ...options, port: port2 } }, [port2]);

  let last = 0;
  const calls = new Map();
  worker.onmessage = ({ data: { id, value, error } }) => {
    const { resolve, reject } = calls.get(id);
    calls.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  };
  const call = (name, args) =>
    new Promise((resolve, reject) => {
      calls.set((last += 1), { resolve, reject });
      worker.postMessage({ id: last, name, args });
    });
  return new Proxy({}, { get: (_, name) => (name === "then" ? undefined : (...args) => call(name, args)) });
}

globalThis.ready = true;
