import { useCallback, useRef } from "preact/hooks";
import { fromInput } from "../import/collect";
import { cancelImport, progress, startImport, summary } from "../import/job";
import type { Summary } from "../import/run";
import { go, noteAddress } from "../shell/router";
import { Button } from "../ui/button";
import { Icon } from "../ui/icons";
import { Meter } from "../ui/meter";
import { Page } from "../ui/page";

/** Brings notes in. */
export function ImportPage() {
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement | null>(null);
  // At once, not in an effect after the first paint: until then it would take a folder for a file.
  const mountFolder = useCallback((input: HTMLInputElement | null): void => {
    folder.current = input;
    input?.setAttribute("webkitdirectory", "");
  }, []);
  const take = (input: HTMLInputElement): void => {
    const taken = fromInput(input.files ?? []);
    // The same choice again must be an event again.
    input.value = "";
    if (taken.length > 0) void startImport(() => taken);
  };
  const now = progress.value;
  return (
    <Page
      title="Import"
      lead="Bring Markdown files and whole folders, from Obsidian, Bear, Notion’s export or anywhere else. Front matter, tags and wiki links are understood; the text stays exactly as it is."
    >
      {now === undefined ? (
        <div class="drop-zone" data-testid="import-drop">
          <Icon name="import" size={36} />
          <p>Drop files or folders anywhere on this page</p>
          <div class="drop-buttons">
            <Button kind="primary" icon="file" data-testid="import-pick-files" onClick={() => files.current?.click()}>
              Choose files
            </Button>
            <Button icon="folder" data-testid="import-pick-folder" onClick={() => folder.current?.click()}>
              Choose a folder
            </Button>
          </div>
          <p class="fine">.md, .markdown and .txt, up to 8 MB each. Nothing leaves this device.</p>
        </div>
      ) : (
        <div class="card">
          <Meter
            testId="import-progress"
            label={now.reading ? "Looking for files…" : `${now.done.toLocaleString()} of ${now.total.toLocaleString()} files`}
            done={now.done}
            total={now.total}
          />
          <Button data-testid="import-cancel" onClick={cancelImport}>
            Stop
          </Button>
        </div>
      )}
      <input ref={files} data-testid="import-input-files" class="visually-hidden" type="file" multiple accept=".md,.markdown,.mdown,.mkd,.txt,text/markdown,text/plain" aria-label="Markdown files" tabIndex={-1} onChange={(event) => take(event.currentTarget)} />
      <input ref={mountFolder} data-testid="import-input-folder" class="visually-hidden" type="file" multiple aria-label="A folder of Markdown files" tabIndex={-1} onChange={(event) => take(event.currentTarget)} />
      {summary.value && <Result summary={summary.value} />}
    </Page>
  );
}

function Result({ summary: result }: { summary: Summary }) {
  const some = (count: number, words: string): string[] => (count > 0 ? [`${count.toLocaleString()} ${words}`] : []);
  const details = [
    ...some(result.updated, "updated from newer files"),
    ...some(result.unchanged, "already here, unchanged"),
    ...some(result.skipped, "other files left out"),
    ...some(result.refused, "not imported"),
  ];
  const first = result.firstId;
  return (
    <section
      class="card summary"
      role="status"
      data-testid="import-summary"
      data-imported={result.imported}
      data-updated={result.updated}
      data-unchanged={result.unchanged}
      data-refused={result.refused}
      data-cancelled={result.cancelled}
    >
      <h2>
        <Icon name={result.cancelled ? "info" : "check"} />
        {result.cancelled ? "Stopped. " : ""}
        {result.imported === 1 ? "1 note imported" : `${result.imported.toLocaleString()} notes imported`}
      </h2>
      {details.length > 0 && <p>{details.join(" · ")}</p>}
      <div class="drop-buttons">
        <Button kind="primary" onClick={() => go("#/")}>
          Show notes
        </Button>
        {result.imported === 1 && first && <Button onClick={() => go(noteAddress(first))}>Open the note</Button>}
      </div>
      {result.notices.length > 0 && (
        <details open={result.refused > 0 || result.notices.length <= 5}>
          <summary>{result.notices.length === 1 ? "1 thing to know" : `${result.notices.length.toLocaleString()} things to know`}</summary>
          <ul class="notices">
            {result.notices.slice(0, 500).map((notice) => (
              <li key={`${notice.path} ${notice.code}`} data-testid="import-notice" data-path={notice.path} data-code={notice.code} class={notice.refused ? "refused" : ""}>
                <strong dir="auto">{notice.path}</strong>
                <span>{notice.text}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}
