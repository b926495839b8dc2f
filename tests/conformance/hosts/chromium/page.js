// In the page: starts the package's own worker, as pkg/src/host/in_worker.ts does, and passes bytes through to the adapter, which is in Node.
import { serveWebRtc } from "/pkg/host/window_shim.js";

const bytesOf = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const textOf = (bytes) => {
  let characters = "";
  for (let at = 0; at < bytes.length; at += 32_768) characters += String.fromCharCode(...bytes.subarray(at, at + 32_768));
  return btoa(characters);
};
const compile = async (url) => WebAssembly.compile(await (await fetch(url)).arrayBuffer());

let worker;
let port;
let shim;

async function bringP2p() {
  shim?.close();
  const { port1, port2 } = new MessageChannel();
  shim = serveWebRtc(port1);
  worker.postMessage({ type: "p2p", module: await compile("/pkg/avatar_p2p_bg.wasm"), window: port2 }, [port2]);
}

/** Starts a host for the module at `url`. Resolves with why it was refused, or with nothing. */
window.startHost = async (url, name, loopbackHttp) => {
  worker?.terminate();
  const [avatarWeb, module] = await Promise.all([compile("/pkg/avatar_web_bg.wasm"), compile(url)]);
  worker = new Worker("/pkg/worker.js", { type: "module" });
  const channel = new MessageChannel();
  port = channel.port1;
  port.onmessage = ({ data }) => window.hearHost(name, textOf(data.batch), (data.bodies ?? []).map(textOf));
  return new Promise((resolve) => {
    worker.onmessage = ({ data }) => {
      if (data.type === "loaded") worker.postMessage({ type: "start", avatarWeb, tabs: false, port: channel.port2, host: { module, name, storage: "auto", loopbackHttp } }, [channel.port2]);
      if (data.type === "wantP2p") bringP2p();
      if (data.type === "started") resolve(undefined);
      if (data.type === "failed") resolve(`${data.code}: ${data.message}`);
    };
  });
};

window.tellHost = (batch) => port.postMessage({ batch: bytesOf(batch) });
