import { useSignal, type Signal } from "@preact/signals";
import { notifyError } from "../shell/toasts";

interface Work {
  /** It is under way. */
  readonly busy: Signal<boolean>;
  /** Does it. What goes wrong is told to `failed`, or else to the person. */
  run(work: () => Promise<void>, failed?: (error: unknown) => void): Promise<void>;
}

/** Something that a person starts and that takes a while. */
export function useWork(): Work {
  const busy = useSignal(false);
  const run: Work["run"] = async (work, failed = notifyError) => {
    busy.value = true;
    try {
      await work();
    } catch (error) {
      failed(error);
    } finally {
      busy.value = false;
    }
  };
  return { busy, run };
}
