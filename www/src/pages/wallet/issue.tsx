import type { SecuredDocument } from "@dao/avatar";
import { useComputed, useSignal } from "@preact/signals";
import { theAvatar } from "../../node/avatar";
import { identity } from "../../node/identity";
import { refreshWallet } from "../../node/wallet";
import { wordsFor } from "../../node/words";
import { go, pageAddress } from "../../shell/router";
import { Button, IconButton } from "../../ui/button";
import { Field } from "../../ui/field";
import { useWork } from "../../ui/work";
import { credentialFacts } from "../../wallet/document";
import { statementOf, type Line } from "../../wallet/statement";
import { BackToWallet } from "./back";
import { CredentialCard } from "./credential-card";
import { Handout } from "./handout";

const MAX_LINES = 20;

/** Signs a statement about somebody. */
export function IssueStatement() {
  const name = useSignal("");
  const subject = useSignal("");
  const lines = useSignal<readonly Line[]>([{ name: "", value: "" }]);
  const until = useSignal("");
  const statusUrl = useSignal("");
  const { busy, run } = useWork();
  const trouble = useSignal<string | undefined>(undefined);
  const issued = useSignal<SecuredDocument | undefined>(undefined);
  const statement = useComputed(() => statementOf({ name: name.value, subject: subject.value, lines: lines.value, until: until.value }));
  const change = (at: number, part: Partial<Line>): void => void (lines.value = lines.value.map((line, index) => (index === at ? { ...line, ...part } : line)));
  const issue = async (event: Event): Promise<void> => {
    event.preventDefault();
    const made = statement.value;
    if ("problem" in made || busy.value) return;
    trouble.value = undefined;
    const sign = async (): Promise<void> => {
      issued.value = await theAvatar().credentials.issue(made.credential, { keep: true, ...(statusUrl.value.trim() === "" ? {} : { statusListUrl: statusUrl.value.trim() }) });
      await refreshWallet();
    };
    await run(sign, (error) => (trouble.value = wordsFor(error).text));
  };
  const facts = issued.value === undefined ? undefined : credentialFacts(issued.value);
  if (issued.value !== undefined && facts) {
    return (
      <section class="page" tabIndex={0} aria-labelledby="page-title">
        <BackToWallet />
        <h1 id="page-title">Signed</h1>
        <p class="lead">Give it to the one it is about. A copy is in your wallet.</p>
        <div class="card-shown" data-testid="issued">
          <CredentialCard facts={facts} />
        </div>
        <div class="card">
          <Handout document={issued.value} name="statement" label="QR code of the signed statement" testId="issue-handout" />
        </div>
        <div class="card-buttons card-after">
          <Button onClick={() => go(pageAddress("wallet"))}>To the wallet</Button>
          <Button onClick={() => (issued.value = undefined)}>Another one</Button>
        </div>
      </section>
    );
  }
  return (
    <section class="page" tabIndex={0} aria-labelledby="page-title">
      <BackToWallet />
      <h1 id="page-title">A statement about somebody</h1>
      <p class="lead">You sign it with your key. Whoever sees it can check that it is from you and that no letter was changed.</p>
      <form class="card" onSubmit={(event) => void issue(event)}>
        <Field label="What it is" testId="issue-name" focus placeholder="Member of the rowing club" maxLength={120} value={name.value} onValue={(value) => (name.value = value)} />
        <Field label="About whom" testId="issue-subject" placeholder="did:key:z6Mk…" maxLength={2_000} value={subject.value} onValue={(value) => (subject.value = value)} hint="Their DID: it is on their identity page." />
        <button type="button" class="link-button" data-testid="issue-me" onClick={() => (subject.value = identity.value?.did ?? "")}>
          About me
        </button>
        <fieldset class="lines">
          <legend>What it says</legend>
          {lines.value.map((line, at) => (
            <div class="line" key={at}>
              <Field label={`Name of line ${at + 1}`} testId="issue-line-name" index={at} placeholder="Since" maxLength={60} value={line.name} onValue={(value) => change(at, { name: value })} />
              <Field label={`Value of line ${at + 1}`} testId="issue-line-value" index={at} placeholder="2019" maxLength={2_000} value={line.value} onValue={(value) => change(at, { value })} />
              {lines.value.length > 1 && <IconButton icon="close" label={`Remove line ${at + 1}`} onClick={() => (lines.value = lines.value.filter((_, index) => index !== at))} />}
            </div>
          ))}
          {lines.value.length < MAX_LINES && (
            <Button icon="plus" data-testid="issue-line-add" onClick={() => (lines.value = [...lines.value, { name: "", value: "" }])}>
              Another line
            </Button>
          )}
        </fieldset>
        <details class="more">
          <summary>Dates and revocation</summary>
          <Field label="Valid until" testId="issue-until" type="date" value={until.value} onValue={(value) => (until.value = value)} hint="Leave it empty for no end." />
          <Field label="Address of your status list" testId="issue-status-url" type="url" placeholder="https://example.org/status/1" maxLength={2_000} value={statusUrl.value} onValue={(value) => (statusUrl.value = value)} hint="Only if you want to be able to revoke it: verifiers look there. You publish the list yourself." />
        </details>
        {trouble.value && (
          <p class="field-error" role="alert">
            {trouble.value}
          </p>
        )}
        <div class="card-buttons">
          <Button kind="primary" icon="pen" type="submit" data-testid="issue-sign" disabled={busy.value || "problem" in statement.value}>
            {busy.value ? "Signing…" : "Sign it"}
          </Button>
          {"problem" in statement.value && name.value !== "" && <span class="fine">{statement.value.problem}</span>}
        </div>
      </form>
    </section>
  );
}
