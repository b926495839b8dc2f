import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { encode } from "uqr";
import { theAvatar } from "../node/avatar";
import { notifyError } from "../shell/toasts";
import { Button } from "../ui/button";
import { Icon } from "../ui/icons";
import { Page } from "../ui/page";

const COPIED_SHOWN_MS = 2_500;

/** Who the person is, to others and to other devices. */
export function IdentityPage() {
  const { did } = theAvatar();
  const copied = useSignal(false);
  useEffect(() => {
    if (!copied.value) return undefined;
    const timer = setTimeout(() => (copied.value = false), COPIED_SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied.value]);
  const copy = (): void => {
    navigator.clipboard.writeText(did).then(() => (copied.value = true), notifyError);
  };
  return (
    <Page
      title="Identity"
      lead="This device made you an identity of your own. Nobody issued it, so nobody can take it away: every note names it as the owner."
    >
      <div class="card identity">
        <QrCode text={did} />
        <div class="identity-text">
          <h2 id="did-head">Your decentralised identifier (DID)</h2>
          <p class="did" data-testid="identity-did" aria-labelledby="did-head">
            {did}
          </p>
          <Button kind="primary" icon={copied.value ? "check" : "copy"} data-testid="identity-copy" onClick={copy}>
            {copied.value ? "Copied" : "Copy"}
          </Button>
          <span class="visually-hidden" role="status">
            {copied.value ? "The DID was copied." : ""}
          </span>
        </div>
      </div>
      <ul class="facts">
        <li>
          <Icon name="check" />
          <span>The DID is public: show it to whom you like. It says nothing about you but that you are you.</span>
        </li>
        <li>
          <Icon name="device" />
          <span>The key behind it is on this device only. If the browser’s data is cleared, the key is gone with it, and so are notes that you have not exported.</span>
        </li>
      </ul>
    </Page>
  );
}

/** A QR code as one path: sharp at any size, dark on light in both themes, as scanners need it. */
function QrCode({ text }: { text: string }) {
  const { path, size } = useMemo(() => {
    const { data, size: modules } = encode(text, { ecc: "M", border: 2 });
    const parts: string[] = [];
    for (const [y, line] of data.entries()) for (const [x, dark] of line.entries()) if (dark) parts.push(`M${x} ${y}h1v1h-1z`);
    return { path: parts.join(""), size: modules };
  }, [text]);
  return (
    <svg class="qr" data-testid="identity-qr" role="img" aria-label="QR code of your DID" viewBox={`0 0 ${size} ${size}`} shape-rendering="crispEdges">
      <rect class="qr-light" width={size} height={size} />
      <path class="qr-dark" d={path} />
    </svg>
  );
}
