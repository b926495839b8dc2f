import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { IconButton } from "../../ui/button";
import { Modal } from "../../ui/dialog";
import { readFrame } from "../../wallet/scan";

/** Between two looks at what the camera shows. */
const LOOK_EVERY_MS = 200;

/** Looks through the camera until it sees a QR code. The picture never leaves the page. */
export function ScanDialog({ onText, onClose }: { onText: (text: string) => void; onClose: () => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const trouble = useSignal<string | undefined>(undefined);
  useEffect(() => {
    let ended = false;
    let stream: MediaStream | undefined;
    const look = async (): Promise<void> => {
      while (!ended) {
        const text = await readFrame(video.current as HTMLVideoElement).catch(() => undefined);
        if (text !== undefined && !ended) return onText(text);
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      }
    };
    const start = async (): Promise<void> => {
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } }, audio: false });
        if (ended || !video.current) return stop();
        video.current.srcObject = stream;
        await video.current.play();
        await look();
      } catch (error) {
        if (!ended) trouble.value = wordsOfTrouble(error);
      }
    };
    const stop = (): void => stream?.getTracks().forEach((track) => track.stop());
    void start();
    return () => {
      ended = true;
      stop();
    };
  }, []);
  return (
    <Modal label="Scan a QR code" testId="scan" className="scan" onClose={onClose}>
      <header class="modal-head">
        <h2>Scan a QR code</h2>
        <IconButton icon="close" label="Close" data-testid="scan-close" data-focus onClick={onClose} />
      </header>
      {trouble.value === undefined ? (
        <>
          <div class="scan-view">
            <video ref={video} muted playsInline aria-label="What the camera shows" />
          </div>
          <p class="fine">Hold the code into the frame. The picture stays on this device.</p>
        </>
      ) : (
        <p class="scan-trouble" role="alert" data-testid="scan-trouble">
          {trouble.value} You can take a picture and choose it as a file instead.
        </p>
      )}
    </Modal>
  );
}

function wordsOfTrouble(error: unknown): string {
  const name = (error as { name?: string } | null)?.name;
  if (name === "NotAllowedError") return "The browser does not let this page use the camera.";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "No camera was found.";
  if (name === "NotReadableError") return "Another program uses the camera.";
  return "The camera could not be used.";
}
