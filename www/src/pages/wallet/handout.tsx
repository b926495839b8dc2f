import type { SecuredDocument } from "@dao/avatar";
import { download } from "../../export/run";
import { Button } from "../../ui/button";
import { CopyButton } from "../../ui/copy-button";
import { fitsQrCode, QrCode } from "../../ui/qr-code";

/** Gives a document to somebody: as a QR code where it fits, by the clipboard, or as a file. */
export function Handout({ document, name, label, testId }: { document: SecuredDocument; name: string; label: string; testId: string }) {
  const text = typeof document === "string" ? document : JSON.stringify(document);
  const save = (): void => {
    const [extension, type] = typeof document === "string" ? ["jwt", "text/plain"] : ["json", "application/json"];
    download(`${name}.${extension}`, [text], type as string);
  };
  return (
    <div class="handout" data-testid={testId} data-document={text}>
      {fitsQrCode(text) ? <QrCode text={text} label={label} testId={`${testId}-qr`} /> : <p class="fine">It is too long for a QR code: copy it, or save it as a file.</p>}
      <div class="card-buttons">
        <CopyButton kind="primary" text={text} testId={`${testId}-copy`} />
        <Button icon="export" data-testid={`${testId}-save`} onClick={save}>
          Save as a file
        </Button>
      </div>
    </div>
  );
}
