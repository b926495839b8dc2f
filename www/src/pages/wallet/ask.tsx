import type { PresentationRequest } from "@dao/avatar";
import { useSignal } from "@preact/signals";
import { theAvatar } from "../../node/avatar";
import { asked } from "../../node/wallet";
import { go, walletAddress } from "../../shell/router";
import { Button } from "../../ui/button";
import { Field } from "../../ui/field";
import { useWork } from "../../ui/work";
import { requestFacts } from "../../wallet/document";
import { BackToWallet } from "./back";
import { Handout } from "./handout";

/** Asks somebody to prove something. */
export function AskForProof() {
  const types = useSignal("");
  const reason = useSignal("");
  const domain = useSignal(location.host);
  const { busy, run } = useWork();
  const made = useSignal<PresentationRequest | undefined>(undefined);
  const make = (event: Event): Promise<void> => {
    event.preventDefault();
    return run(async () => {
      const wanted = types.value.split(/[\s,]+/).filter(Boolean);
      const request = await theAvatar().credentials.request({ types: wanted, domain: domain.value.trim(), reason: reason.value.trim() });
      made.value = request;
      const facts = requestFacts(request.request) ?? { challenge: request.challenge, domain: domain.value.trim(), reason: reason.value.trim(), kinds: [] };
      asked.value = [...asked.value, facts];
    });
  };
  return (
    <section class="page" tabIndex={0} aria-labelledby="page-title">
      <BackToWallet />
      <h1 id="page-title">Ask for a proof</h1>
      <p class="lead">Show this request to somebody. What they answer with is good for you, for this request, and for ten minutes.</p>
      {made.value === undefined ? (
        <form class="card" onSubmit={(event) => void make(event)}>
          <Field label="What for" testId="ask-reason" focus placeholder="To see that you are a member" maxLength={200} value={reason.value} onValue={(value) => (reason.value = value)} hint="They read this before they answer." />
          <Field label="Kind of card" testId="ask-types" placeholder="any" maxLength={300} value={types.value} onValue={(value) => (types.value = value)} hint="As the issuer names it, such as MembershipCredential. Leave it empty for any." />
          <Field label="Who asks" testId="ask-domain" maxLength={253} value={domain.value} onValue={(value) => (domain.value = value)} hint="The name that the answer is made for." />
          <div class="card-buttons">
            <Button kind="primary" icon="ask" type="submit" data-testid="ask-make" disabled={busy.value || domain.value.trim() === ""}>
              Make the request
            </Button>
          </div>
        </form>
      ) : (
        <>
          <section class="card" aria-labelledby="request-head">
            <h2 id="request-head">Your request</h2>
            <p>Let them scan it, or send it to them.</p>
            <Handout document={made.value.request} name="request" label="QR code of the request" testId="ask-handout" />
          </section>
          <div class="card-buttons card-after">
            <Button kind="primary" icon="shield" data-testid="ask-verify" onClick={() => go(walletAddress("verify"))}>
              Verify the answer
            </Button>
            <Button onClick={() => (made.value = undefined)}>Another request</Button>
          </div>
        </>
      )}
    </section>
  );
}
