import type { KeptCredential, SecuredDocument } from "@dao/avatar";
import { useComputed, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { theAvatar } from "../../node/avatar";
import { refreshWallet, wallet } from "../../node/wallet";
import { Button } from "../../ui/button";
import { Icon } from "../../ui/icons";
import { useWork } from "../../ui/work";
import { answers, credentialFacts, kindOf, requestFacts, type CredentialFacts, type RequestFacts } from "../../wallet/document";
import { wordsOf } from "../../wallet/json";
import { BackToWallet } from "./back";
import { CredentialCard, stateOf } from "./credential-card";
import { DocumentInput } from "./document-input";
import { Handout } from "./handout";

interface Choice {
  readonly kept: KeptCredential;
  readonly facts: CredentialFacts;
}

/** Answers a request with cards of the wallet. */
export function PresentCards() {
  useEffect(() => void refreshWallet(), []);
  const text = useSignal("");
  const request = useComputed(() => requestFacts(text.value));
  return (
    <section class="page" tabIndex={0} aria-labelledby="page-title">
      <BackToWallet />
      <h1 id="page-title">Show a card</h1>
      <p class="lead">Scan or paste the request of whoever wants to see something. You choose what they see; it proves itself to them alone.</p>
      {request.value === undefined ? (
        <div class="card">
          <DocumentInput
            label="Their request"
            testId="present-request"
            value={text.value}
            onValue={(value) => (text.value = value)}
            take={() => undefined}
            error={text.value.trim() === "" ? undefined : kindOf(text.value) === "request" ? "This request lacks a challenge or the name of who asks." : "This is no request that can be read."}
          />
        </div>
      ) : (
        <Answer key={request.value.challenge} request={request.value} again={() => (text.value = "")} />
      )}
    </section>
  );
}

function Answer({ request, again }: { request: RequestFacts; again: () => void }) {
  const chosen = useSignal<ReadonlySet<string> | undefined>(undefined);
  const { busy, run } = useWork();
  const made = useSignal<SecuredDocument | undefined>(undefined);
  // What is not in force any more comes last: nobody takes it for a proof.
  const choices = useComputed<readonly Choice[]>(() =>
    (wallet.value ?? [])
      .flatMap((kept) => {
        const facts = credentialFacts(kept.document);
        return facts && answers(request, facts) ? [{ kept, facts }] : [];
      })
      .sort((a, b) => Number(stateOf(a.kept, a.facts) !== "valid") - Number(stateOf(b.kept, b.facts) !== "valid")),
  );
  // Where only one card fits, it is the one.
  const picked = useComputed(() => {
    const fit = choices.value.filter(({ kept, facts }) => stateOf(kept, facts) === "valid");
    return chosen.value ?? new Set(fit.length === 1 ? fit.map(({ kept }) => kept.id) : []);
  });
  const shown = choices.value.filter(({ kept }) => picked.value.has(kept.id));
  const toggle = (id: string): void => {
    const next = new Set(picked.value);
    if (!next.delete(id)) next.add(id);
    chosen.value = next;
  };
  const present = (): Promise<void> =>
    run(async () => {
      made.value = await theAvatar().credentials.present(shown.map(({ kept }) => kept.id), { challenge: request.challenge, domain: request.domain });
    });
  if (made.value !== undefined) {
    return (
      <section class="card" aria-labelledby="made-head">
        <h2 id="made-head">
          Your answer for <strong>{request.domain}</strong>
        </h2>
        <p>Let them scan it, or send it. It is of no use to anybody else.</p>
        <Handout document={made.value} name="presentation" label="QR code of the presentation" testId="present-handout" />
        <div class="card-buttons">
          <Button onClick={again}>Another request</Button>
        </div>
      </section>
    );
  }
  return (
    <>
      <section class="card line-card" aria-labelledby="asks-head" data-testid="present-asked" data-domain={request.domain}>
        <Icon name="ask" size={24} />
        <div>
          <h2 id="asks-head" dir="auto">
            {request.domain} asks
          </h2>
          <p dir="auto">{request.reason || "They give no reason."}</p>
          <p class="fine">{request.kinds.length === 0 ? "Any card will do." : `For: ${request.kinds.map((kind) => kind.map(wordsOf).join(" + ")).join(", ")}.`}</p>
        </div>
        <Button onClick={again}>Another request</Button>
      </section>
      {choices.value.length === 0 ? (
        <p class="empty" data-testid="present-none">
          {wallet.value === undefined ? "" : "No card in your wallet is what they ask for."}
        </p>
      ) : (
        <fieldset class="choose">
          <legend class="small-head">Choose what to show</legend>
          <ul class="cards">
            {choices.value.map(({ kept, facts }) => (
              <li key={kept.id}>
                <label class="vc-choice" data-testid="present-choice" data-id={kept.id} data-state={stateOf(kept, facts)}>
                  <input type="checkbox" checked={picked.value.has(kept.id)} onChange={() => toggle(kept.id)} aria-label={`Show ${facts.title}`} />
                  <CredentialCard kept={kept} facts={facts} />
                </label>
              </li>
            ))}
          </ul>
        </fieldset>
      )}
      {shown.length > 0 && (
        <section class="card" aria-labelledby="reveal-head" data-testid="present-reveals">
          <h2 id="reveal-head">This is what {request.domain} will see</h2>
          {shown.map(({ kept, facts }) => (
            <div key={kept.id} class="reveal">
              <h3 class="small-head">{facts.title}</h3>
              <dl class="values claims">
                {facts.claims.map((claim, line) => (
                  <div key={line}>
                    <dt>{claim.name}</dt>
                    <dd dir="auto">{claim.value}</dd>
                  </div>
                ))}
              </dl>
            </div>
          ))}
          <p class="fine">And your DID, who issued the card, and its dates. A card is shown whole.</p>
          <div class="card-buttons">
            <Button kind="primary" icon="qr" data-testid="present-make" disabled={busy.value} onClick={() => void present()}>
              {busy.value ? "Signing…" : "Show it"}
            </Button>
          </div>
        </section>
      )}
    </>
  );
}
