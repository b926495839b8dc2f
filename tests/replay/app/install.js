// Runs before the package's worker: records its Meta Unit, and gives the trace to who asks for it.
import { Recorder } from "./recorder.js";

const recorder = new Recorder().install();
const channel = new BroadcastChannel("avatar-trace");
channel.onmessage = ({ data }) => {
  if (data.sha256) channel.postMessage({ trace: recorder.trace(data.sha256) });
};
