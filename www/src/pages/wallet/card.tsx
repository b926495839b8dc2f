import type { KeptCredential, SecuredDocument, VerificationReport } from "@dao/avatar";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { theAvatar } from "../../node/avatar";
import { refreshWallet, wallet } from "../../node/wallet";
import { go, pageAddress, walletAddress } from "../../shell/router";
import { notify, notifyError } from "../../shell/toasts";
import { Button } from "../../ui/button";
import { ask } from "../../ui/confirm";
import { Icon } from "../../ui/icons";
import { useWork } from "../../ui/work";
import { credentialFacts, needsNetwork, type CredentialFacts } from "../../wallet/document";
import { BackToWallet } from "./back";
import { CredentialCard, stateOf, type CardState } from "./credential-card";
import { Handout } from "./handout";
import { Report } from "./report";

/** One card: what it says, whether it holds, and what can be done with it. */
export function CardDetail({ id }: { id: string }) {
  useEffect(() => {
    if (wallet.peek() === undefined) void refreshWallet();
  }, []);
  const kept = wallet.value?.find((each) => each.id === id);
  const facts = kept && credentialFacts(kept.document);
  if (wallet.value !== undefined && kept === undefined) {
    return (
      <section class="page" tabIndex={0}>
        <BackToWallet />
        <h1>Not here</h1>
        <p class="lead" data-testid="card-missing">
          There is no such card in this wallet any more.
        </p>
      </section>
    );
  }
  return (
    <section class="page" tabIndex={0} aria-labelledby="page-title" data-testid="card-detail" data-id={id}>
      <BackToWallet />
      <h1 id="page-title" class="visually-hidden">
        {facts?.title ?? "Card"}
      </h1>
      {kept && facts && <Shown kept={kept} facts={facts} />}
    </section>
  );
}

function Shown({ kept, facts }: { kept: KeptCredential; facts: CredentialFacts }) {
  const report = useSignal<VerificationReport | undefined>(undefined);
  const { busy, run } = useWork();
  const sharing = useSignal(false);
  const statusList = useSignal<SecuredDocument | undefined>(undefined);
  const check = (offline: boolean): Promise<void> =>
    run(async () => {
      report.value = await theAvatar().credentials.verify(kept.document, { offline });
    });
  // Without the network at first, where it would be asked: that tells the issuer that somebody looks.
  useEffect(() => void check(needsNetwork(facts)), [kept.revoked]);
  const forget = async (): Promise<void> => {
    if (!(await ask("Remove this card?", kept.issued ? "Without it this wallet cannot revoke what was issued. Whoever has a copy keeps it." : "It is gone from this wallet. You can add it again if you have a copy.", "Remove it", { danger: true }))) return;
    try {
      await theAvatar().credentials.forget(kept.id);
      await refreshWallet();
      go(pageAddress("wallet"));
      notify("The card was removed.");
    } catch (error) {
      notifyError(error);
    }
  };
  const revoke = async (): Promise<void> => {
    if (!(await ask("Revoke it?", "Whoever checks it from now on is told that it does not count any more. That cannot be taken back.", "Revoke it", { danger: true }))) return;
    try {
      statusList.value = await theAvatar().credentials.revoke(kept.id);
      await refreshWallet();
      notify("Revoked. Publish the new status list, so that verifiers see it.");
    } catch (error) {
      notifyError(error);
    }
  };
  const isOpen = report.value !== undefined && !report.value.verified && report.value.checks.every(({ outcome }) => outcome !== "failed");
  return (
    <>
      <div class="card-shown">
        <CredentialCard kept={kept} facts={facts} state={stateInView(kept, facts, report.value)} />
        {facts.description !== "" && <p class="card-description">{facts.description}</p>}
      </div>
      <section class="card" aria-labelledby="claims-head">
        <h2 id="claims-head">What it says</h2>
        {facts.claims.length === 0 ? (
          <p class="fine">Nothing beyond its title.</p>
        ) : (
          <dl class="values claims" data-testid="claims" data-count={facts.claims.length}>
            {facts.claims.map((claim, at) => (
              <div key={at}>
                <dt>{claim.name}</dt>
                <dd dir="auto">{claim.value}</dd>
              </div>
            ))}
          </dl>
        )}
        {facts.subjects.length > 0 && (
          <p class="fine">
            About <span class="mono">{facts.subjects.join(", ")}</span>
          </p>
        )}
        <p class="fine">
          From <span class="mono">{facts.issuer.id}</span>
        </p>
      </section>
      {report.value ? <Report report={report.value} /> : <div class="card" aria-busy="true"><p class="fine">Checking…</p></div>}
      {isOpen && (
        <div class="card-buttons card-after">
          <Button icon="refresh" data-testid="card-check-online" disabled={busy.value} onClick={() => void check(false)}>
            {busy.value ? "Asking…" : "Check with the network, too"}
          </Button>
        </div>
      )}
      {statusList.value !== undefined && (
        <section class="card" aria-labelledby="status-head">
          <h2 id="status-head">The new status list</h2>
          <p>Put this at the address that the credential names: there verifiers look.</p>
          <Handout document={statusList.value} name="status-list" label="QR code of the status list" testId="status-list" />
        </section>
      )}
      {sharing.value && (
        <section class="card" aria-labelledby="share-head">
          <h2 id="share-head">The card itself</h2>
          <p>To keep it elsewhere, or to give to the one it is about. To prove that it is yours, answer a request instead.</p>
          <Handout document={kept.document} name="credential" label="QR code of the credential" testId="card-handout" />
        </section>
      )}
      <div class="card-buttons card-after">
        <Button kind="primary" icon="qr" onClick={() => go(walletAddress("present"))}>
          Answer a request
        </Button>
        <Button icon="export" data-testid="card-share" aria-expanded={sharing.value} onClick={() => (sharing.value = !sharing.value)}>
          {sharing.value ? "Hide the copy" : "Give a copy"}
        </Button>
        {kept.issued && facts.revocable && !kept.revoked && (
          <Button icon="close" data-testid="card-revoke" onClick={() => void revoke()}>
            Revoke
          </Button>
        )}
        <Button icon="trash" data-testid="card-forget" onClick={() => void forget()}>
          Remove
        </Button>
      </div>
      <details class="raw">
        <summary data-testid="card-raw">
          <Icon name="file" size={16} /> As it is written
        </summary>
        <pre tabIndex={0} data-testid="card-json">
          {facts.json}
        </pre>
      </details>
    </>
  );
}

/** By its dates it may be in force; once it was looked into and does not hold, that counts more. */
function stateInView(kept: KeptCredential, facts: CredentialFacts, report: VerificationReport | undefined): CardState {
  const state = stateOf(kept, facts);
  return state === "valid" && report?.checks.some(({ outcome }) => outcome === "failed") ? "unproven" : state;
}
