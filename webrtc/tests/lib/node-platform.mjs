// What js-libp2p expects of its platform, and Node 20 lacks. Imported before it.
import { WebSocket } from "ws";

globalThis.WebSocket ??= WebSocket;
Promise.withResolvers ??= function withResolvers() {
  const parts = {};
  parts.promise = new this((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
};
