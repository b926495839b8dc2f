import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { download, runExport, type ExportProgress, type ExportSummary, type Sink } from "../export/run";
import { canWriteFolders, folderSink, zipSink } from "../export/sinks";
import { useLiveQuery } from "../node/live";
import { NOTE, type Note } from "../node/notes";
import { notifyError } from "../shell/toasts";
import { Button } from "../ui/button";
import { shownBytes } from "../ui/bytes";
import { Icon } from "../ui/icons";
import { Meter } from "../ui/meter";
import { Page } from "../ui/page";

declare global {
  interface Window {
    showDirectoryPicker(options?: { id?: string; mode?: "read" | "readwrite"; startIn?: string }): Promise<FileSystemDirectoryHandle>;
  }
}

/** Gives the notes back as files. */
export function ExportPage() {
  const progress = useSignal<ExportProgress | undefined>(undefined);
  const summary = useSignal<(ExportSummary & { where: string }) | undefined>(undefined);
  const running = useRef<AbortController | undefined>(undefined);
  const count = useLiveQuery<Note>({ type: NOTE, limit: 1, select: ["title"] }, "count");
  useEffect(() => () => running.current?.abort(), []);

  const run = async (where: string, sink: Sink, finish: () => Promise<void>): Promise<void> => {
    running.current = new AbortController();
    summary.value = undefined;
    progress.value = { done: 0, total: 0 };
    try {
      const result = await runExport(sink, (now) => (progress.value = now), running.current.signal);
      if (!result.cancelled) await finish();
      summary.value = { ...result, where };
    } catch (error) {
      notifyError(error);
    } finally {
      progress.value = undefined;
      running.current = undefined;
    }
  };
  const toZip = (): Promise<void> => {
    const zip = zipSink();
    const name = `avatar-notes-${new Date().toISOString().slice(0, 10)}.zip`;
    return run(name, zip, async () => download(name, await zip.finish(), "application/zip"));
  };
  const toFolder = async (): Promise<void> => {
    try {
      const folder = await window.showDirectoryPicker({ id: "avatar-export", mode: "readwrite", startIn: "documents" });
      await run(`the folder “${folder.name}”`, folderSink(folder), async () => undefined);
    } catch (error) {
      notifyError(error);
    }
  };
  const now = progress.value;
  const total = count.value?.total ?? 0;
  return (
    <Page
      title="Export"
      lead="Your notes are yours: take them with you as plain Markdown, with the folders they came in. What you did not change comes back byte for byte."
    >
      <div class="card">
        {now === undefined ? (
          <>
            <p class="big-number">{total === 1 ? "1 note" : `${total.toLocaleString()} notes`}</p>
            <div class="drop-buttons">
              <Button kind="primary" icon="export" data-testid="export-zip" disabled={total === 0} onClick={() => void toZip()}>
                Download as .zip
              </Button>
              {canWriteFolders && (
                <Button icon="folder" data-testid="export-folder" disabled={total === 0} onClick={() => void toFolder()}>
                  Write to a folder
                </Button>
              )}
            </div>
            {total === 0 && <p class="fine">There is nothing to export yet.</p>}
          </>
        ) : (
          <>
            <Meter testId="export-progress" label={`${now.done.toLocaleString()} of ${now.total.toLocaleString()} notes`} done={now.done} total={now.total} />
            <Button data-testid="export-cancel" onClick={() => running.current?.abort()}>
              Stop
            </Button>
          </>
        )}
      </div>
      {summary.value && (
        <section class="card summary" role="status" data-testid="export-summary" data-count={summary.value.count} data-bytes={summary.value.bytes} data-failed={summary.value.failed.length}>
          <h2>
            <Icon name={summary.value.cancelled ? "info" : "check"} />
            {summary.value.cancelled ? "Stopped" : `${summary.value.count.toLocaleString()} ${summary.value.count === 1 ? "note" : "notes"}, ${shownBytes(summary.value.bytes)}, in ${summary.value.where}`}
          </h2>
          {summary.value.failed.length > 0 && (
            <ul class="notices">
              {summary.value.failed.map((item) => (
                <li key={item.path} class="refused" data-code={item.code}>
                  <strong>{item.path}</strong>
                  <span>{item.text}</span>
                </li>
              ))}
            </ul>
          )}
        </section>
      )}
    </Page>
  );
}
