/**
 * The host in a dedicated worker.
 *
 * @module
 */
import type { PortLike } from "../channel/port.js";
import { AvatarLoadError } from "../errors.js";
import { errorOfHost, type RunningHost } from "./running.js";
import type { ServeOptions } from "./serve.js";
import { WebRtcForWorker } from "./webrtc_for_worker.js";
import type { P2pAnswer, WorkerMessage, WorkerStart } from "./worker_messages.js";

/** Resolves once the worker's script runs. @throws AvatarLoadError `WORKER_FAILED`: not there, no script, or forbidden. */
export function workerLoaded(make: () => Worker): Promise<Worker> {
  return new Promise((resolve, reject) => {
    let worker: Worker;
    try {
      worker = make();
    } catch (cause) {
      reject(new AvatarLoadError("WORKER_FAILED", "The worker could not be made.", { cause }));
      return;
    }
    worker.onerror = (event) => {
      event.preventDefault?.();
      worker.terminate();
      reject(new AvatarLoadError("WORKER_FAILED", `The worker's script could not be loaded${event.message ? `: ${event.message}` : "."}`));
    };
    worker.onmessage = ({ data }: MessageEvent<WorkerMessage>) => {
      if (data?.type === "loaded") resolve(worker);
    };
  });
}

/** Starts the host in a worker that is loaded. `onDeath`: the worker failed later. @throws AvatarError */
export function startInWorker(worker: Worker, options: ServeOptions, loadP2p: () => Promise<WebAssembly.Module>, onDeath: (error: AvatarLoadError) => void): Promise<RunningHost> {
  const { port1, port2 } = new MessageChannel();
  const webRtc = new WebRtcForWorker();
  const stop = (): void => {
    worker.terminate();
    webRtc.close();
  };
  return new Promise((resolve, reject) => {
    worker.onerror = (event) => {
      event.preventDefault?.();
      stop();
      const error = new AvatarLoadError("WORKER_FAILED", `The worker failed${event.message ? `: ${event.message}` : "."}`);
      reject(error);
      onDeath(error);
    };
    worker.onmessage = ({ data }: MessageEvent<WorkerMessage>) => {
      if (data.type === "started") resolve({ port: port1 as PortLike, stop });
      if (data.type === "wantP2p") {
        Promise.all([loadP2p(), webRtc.open()]).then(
          ([module, window]) => worker.postMessage({ type: "p2p", module, window } satisfies P2pAnswer, window ? [window] : []),
          (error: Error) => worker.postMessage({ type: "p2p", error: error.message } satisfies P2pAnswer),
        );
      }
      if (data.type === "failed") {
        stop();
        reject(errorOfHost(data));
      }
    };
    worker.postMessage({ type: "start", ...options, port: port2 } satisfies WorkerStart, [port2]);
  });
}
