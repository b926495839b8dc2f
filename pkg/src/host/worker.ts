/**
 * The dedicated worker of the leader tab. The build bundles it into one file, `worker.js`.
 *
 * @module
 */
import type { PortLike } from "../channel/port.js";
import type { LoadP2p } from "./lazy_swarm.js";
import { serve, type Served } from "./serve.js";
import type { P2pAnswer, WorkerMessage, WorkerStart } from "./worker_messages.js";

const scope = globalThis as unknown as { postMessage(message: WorkerMessage): void; onmessage: ((event: MessageEvent<WorkerStart | P2pAnswer>) => void) | null; served?: Served };

scope.onmessage = ({ data }) => {
  if (data?.type !== "start") return;
  scope.onmessage = null;
  serve({ avatarWeb: data.avatarWeb, host: data.host, tabs: data.tabs }, data.port as PortLike, askForP2p).then(
    (host) => {
      // Held for the life of the worker: the glue frees a host that the garbage collector finds.
      scope.served = host;
      scope.postMessage({ type: "started" });
    },
    (error: Error & { code?: string; retryable?: boolean }) =>
      scope.postMessage({ type: "failed", code: error?.code ?? "INTERNAL", message: error?.message ?? String(error), retryable: error?.retryable ?? false }),
  );
};
const askForP2p: LoadP2p = () =>
  new Promise((resolve, reject) => {
    scope.onmessage = ({ data }) => {
      if (data?.type !== "p2p") return;
      if ("module" in data) resolve(data);
      else reject(new Error(data.error));
    };
    scope.postMessage({ type: "wantP2p" });
  });
scope.postMessage({ type: "loaded" });
