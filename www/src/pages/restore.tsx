import type { BackupReport } from "@dao/avatar";
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { theAvatar } from "../node/avatar";
import { identity } from "../node/identity";
import { codeOf, wordsFor } from "../node/words";
import { go } from "../shell/router";
import { Button } from "../ui/button";
import { shownBytes } from "../ui/bytes";
import { LongField, SecretField } from "../ui/field";
import { Icon } from "../ui/icons";
import { Page } from "../ui/page";
import { useWork } from "../ui/work";
import { shortDid } from "../wallet/did";

type How = "words" | "file";

/** For somebody who has been here before: by words, or from a backup. */
export function RestorePage() {
  const how = useSignal<How>("file");
  return (
    <Page title="Welcome back" lead="Bring what you kept: a backup file has everything, your 24 words alone have who you are.">
      <div class="tabs" role="group" aria-label="What you have">
        <button type="button" class="tab" data-testid="restore-how-file" aria-pressed={how.value === "file"} onClick={() => (how.value = "file")}>
          <Icon name="file" /> A backup
        </button>
        <button type="button" class="tab" data-testid="restore-how-words" aria-pressed={how.value === "words"} onClick={() => (how.value = "words")}>
          <Icon name="key" /> Only words
        </button>
      </div>
      {how.value === "file" ? <FromFile /> : <FromWords />}
    </Page>
  );
}

/** What went wrong, for this page. */
function trouble(error: unknown, wrongSecret: string): string {
  switch (codeOf(error)) {
    case "WRONG_SECRET":
      return wrongSecret;
    case "INVALID_ARGUMENT":
      return error instanceof Error ? error.message : wrongSecret;
    case "ALREADY_EXISTS":
      return "This device already holds notes or an identity that was kept, and they are not overwritten. Use another browser profile, or clear this site’s data after an export.";
    case "CORRUPT":
      return "The file is damaged or incomplete, or it is no backup of Avatar. Nothing was changed.";
    default:
      return wordsFor(error).text;
  }
}

function FromWords() {
  const typed = useSignal("");
  const { busy, run } = useWork();
  const wrong = useSignal<string | undefined>(undefined);
  const done = useSignal<string | undefined>(undefined);
  const count = typed.value.trim() === "" ? 0 : typed.value.trim().split(/\s+/).length;
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    wrong.value = undefined;
    const recover = async (): Promise<void> => {
      const state = await theAvatar().identity.recovery.recover(typed.value);
      identity.value = state;
      typed.value = "";
      done.value = state.did;
    };
    await run(recover, (error) => (wrong.value = trouble(error, "These are no recovery words: one is misspelled, missing or in another place.")));
  };
  if (done.value !== undefined) {
    return (
      <section class="card summary" role="status" data-testid="restore-done" data-did={done.value}>
        <h2>
          <Icon name="check" /> It is you
        </h2>
        <p>
          This device speaks for <code>{shortDid(done.value)}</code> again. Notes are not in the words: open a backup if you have one, or begin anew.
        </p>
        <div class="drop-buttons">
          <Button kind="primary" onClick={() => go("#/")}>
            Show notes
          </Button>
          <Button onClick={() => go("#/identity")}>Show my identity</Button>
        </div>
      </section>
    );
  }
  return (
    <form class="card" onSubmit={(event) => void submit(event)}>
      <LongField
        label="Your 24 words"
        testId="restore-words"
        disabled={busy.value}
        value={typed.value}
        onValue={(value) => {
          typed.value = value;
          wrong.value = undefined;
        }}
        hint={count === 0 ? "In their order, with a space between them. The first four letters of each are enough." : `${count} of 24`}
        error={wrong.value}
      />
      <span class="visually-hidden" role="alert">
        {wrong.value ?? ""}
      </span>
      <div class="card-buttons">
        <Button kind="primary" icon="key" type="submit" data-testid="restore-words-submit" disabled={busy.value || count < 24}>
          {busy.value ? "Looking…" : "That is me"}
        </Button>
      </div>
    </form>
  );
}

function FromFile() {
  const input = useRef<HTMLInputElement>(null);
  const file = useSignal<File | undefined>(undefined);
  const by = useSignal<How | "passphrase">("words");
  const secret = useSignal("");
  const { busy, run } = useWork();
  const wrong = useSignal<string | undefined>(undefined);
  const report = useSignal<BackupReport | undefined>(undefined);
  const open = async (checkOnly: boolean): Promise<void> => {
    const chosen = file.value;
    if (chosen === undefined) return;
    wrong.value = undefined;
    const work = async (): Promise<void> => {
      const opens = by.value === "passphrase" ? { passphrase: secret.value } : { words: secret.value };
      report.value = await theAvatar().identity.recovery.restore(chosen, { ...opens, checkOnly });
      if (!checkOnly) secret.value = "";
    };
    await run(work, (error) => {
      report.value = undefined;
      wrong.value = trouble(error, by.value === "passphrase" ? "This passphrase does not open the file." : "These words do not open the file.");
    });
  };
  const again = (): void => {
    report.value = undefined;
    wrong.value = undefined;
  };
  const found = report.value;
  if (found?.restored) {
    return (
      <section class="card summary" role="status" data-testid="restore-done" data-did={found.did} data-documents={found.documents} data-credentials={found.credentials}>
        <h2>
          <Icon name="check" /> Everything is back
        </h2>
        <p>{contents(found)}, and your identity.</p>
        <Button kind="primary" onClick={() => go("#/")}>
          Show notes
        </Button>
      </section>
    );
  }
  return (
    <form
      class="card"
      onSubmit={(event) => {
        event.preventDefault();
        void open(true);
      }}
    >
      <div class="field">
        <span class="field-name">The file</span>
        <div class="file-line">
          <Button icon="file" onClick={() => input.current?.click()} disabled={busy.value}>
            {file.value ? "Another file" : "Choose the file"}
          </Button>
          <span class="file-name">{file.value ? `${file.value.name}, ${shownBytes(file.value.size)}` : "avatar-backup-….age"}</span>
        </div>
        <input
          ref={input}
          class="visually-hidden"
          type="file"
          data-testid="restore-file"
          aria-label="The backup file"
          tabIndex={-1}
          onChange={(event) => {
            file.value = event.currentTarget.files?.[0] ?? file.value;
            again();
          }}
        />
      </div>
      <fieldset class="choices">
        <legend>What opens it</legend>
        <label class="check">
          <input type="radio" name="restore-by" data-testid="restore-by-words" checked={by.value === "words"} onChange={() => ((by.value = "words"), again())} />
          <span>My 24 words</span>
        </label>
        <label class="check">
          <input type="radio" name="restore-by" data-testid="restore-by-passphrase" checked={by.value === "passphrase"} onChange={() => ((by.value = "passphrase"), again())} />
          <span>A passphrase</span>
        </label>
      </fieldset>
      {by.value === "passphrase" ? (
        <SecretField key="passphrase" label="Passphrase of the file" testId="restore-secret" autocomplete="off" disabled={busy.value} value={secret.value} onValue={(value) => ((secret.value = value), again())} error={wrong.value} />
      ) : (
        <LongField key="words" label="Your 24 words" testId="restore-secret" disabled={busy.value} value={secret.value} onValue={(value) => ((secret.value = value), again())} error={wrong.value} />
      )}
      <span class="visually-hidden" role="alert" data-testid="restore-error">
        {wrong.value ?? ""}
      </span>
      {found ? (
        <div class="report" role="status" data-testid="restore-report" data-did={found.did} data-documents={found.documents} data-credentials={found.credentials}>
          <h2>
            <Icon name="check" /> The file is whole
          </h2>
          <dl class="values">
            <div>
              <dt>Of</dt>
              <dd>
                <code title={found.did}>{shortDid(found.did)}</code>
              </dd>
            </div>
            <div>
              <dt>Made</dt>
              <dd>{found.createdAt.toLocaleString()}</dd>
            </div>
            <div>
              <dt>Holds</dt>
              <dd>{contents(found)}</dd>
            </div>
          </dl>
          <p class="fine">Nothing is written yet.</p>
          <Button kind="primary" icon="import" data-testid="restore-apply" disabled={busy.value} onClick={() => void open(false)}>
            {busy.value ? "Bringing it back…" : "Bring it back"}
          </Button>
        </div>
      ) : (
        <div class="card-buttons">
          <Button kind="primary" icon="shield" type="submit" data-testid="restore-check" disabled={busy.value || file.value === undefined || secret.value.trim() === ""}>
            {busy.value ? "Reading…" : "Look into it"}
          </Button>
        </div>
      )}
    </form>
  );
}

function contents({ documents, credentials, bytes }: BackupReport): string {
  const some = (count: number, one: string, many: string): string => `${count.toLocaleString()} ${count === 1 ? one : many}`;
  return `${some(documents, "note", "notes")}${credentials > 0 ? `, ${some(credentials, "credential", "credentials")}` : ""}, ${shownBytes(bytes)}`;
}
