import type { VerificationReport } from "@dao/avatar";
import { useComputed, useSignal } from "@preact/signals";
import { theAvatar } from "../../node/avatar";
import { asked } from "../../node/wallet";
import { wordsFor } from "../../node/words";
import { Button } from "../../ui/button";
import { useWork } from "../../ui/work";
import { credentialFacts, kindOf, presentedCredentials, presentedFor } from "../../wallet/document";
import { BackToWallet } from "./back";
import { CredentialCard } from "./credential-card";
import { DocumentInput } from "./document-input";
import { Report } from "./report";

/** Checks anything that somebody shows. */
export function VerifyAnything() {
  const text = useSignal("");
  const offline = useSignal(false);
  const { busy, run } = useWork();
  const trouble = useSignal<string | undefined>(undefined);
  const report = useSignal<VerificationReport | undefined>(undefined);
  const cards = useComputed(() => {
    const kind = kindOf(text.value);
    if (kind === "presentation") return presentedCredentials(text.value);
    const facts = kind === "credential" ? credentialFacts(text.value) : undefined;
    return facts ? [facts] : [];
  });
  const verify = async (document: string): Promise<void> => {
    trouble.value = undefined;
    report.value = undefined;
    const check = async (): Promise<void> => {
      // A presentation counts for the request that it answers: one that was made here.
      const made = presentedFor(document);
      const request = asked.peek().find(({ challenge, domain }) => challenge === made.challenge && domain === made.domain);
      report.value = await theAvatar().credentials.verify(document.trim(), { ...(request ? { challenge: request.challenge, domain: request.domain } : {}), offline: offline.value });
    };
    await run(check, (error) => (trouble.value = wordsFor(error).text));
  };
  return (
    <section class="page" tabIndex={0} aria-labelledby="page-title">
      <BackToWallet />
      <h1 id="page-title">Verify</h1>
      <p class="lead">A credential or a presentation that somebody shows you. It is checked on this device, step by step.</p>
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault();
          void verify(text.value);
        }}
      >
        <DocumentInput
          label="What was shown"
          testId="verify-text"
          value={text.value}
          onValue={(value) => {
            text.value = value;
            report.value = undefined;
            trouble.value = undefined;
          }}
          take={(value) => void verify(value)}
          error={trouble.value}
        />
        <label class="check">
          <input type="checkbox" data-testid="verify-offline" checked={offline.value} onChange={(event) => (offline.value = event.currentTarget.checked)} />
          <span>Ask nobody: no issuer hears of it, but whether it was revoked stays open</span>
        </label>
        <div class="card-buttons">
          <Button kind="primary" icon="shield" type="submit" data-testid="verify-run" disabled={busy.value || text.value.trim() === ""}>
            {busy.value ? "Checking…" : "Verify"}
          </Button>
        </div>
      </form>
      {report.value && (
        <>
          <Report report={report.value} />
          {cards.value.map((facts, at) => (
            <div key={at} class="card-shown">
              <CredentialCard facts={facts} {...(report.value?.verified ? {} : { state: report.value?.checks.some(({ outcome }) => outcome === "failed") ? "unproven" : "unchecked" })} />
              <dl class="values claims card">
                {facts.claims.map((claim, line) => (
                  <div key={line}>
                    <dt>{claim.name}</dt>
                    <dd dir="auto">{claim.value}</dd>
                  </div>
                ))}
              </dl>
            </div>
          ))}
        </>
      )}
    </section>
  );
}
