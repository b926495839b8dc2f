import { useComputed, useSignal } from "@preact/signals";
import { theAvatar } from "../../node/avatar";
import { refreshWallet } from "../../node/wallet";
import { wordsFor } from "../../node/words";
import { go, walletAddress } from "../../shell/router";
import { notify } from "../../shell/toasts";
import { Button } from "../../ui/button";
import { useWork } from "../../ui/work";
import { credentialFacts, kindOf } from "../../wallet/document";
import { BackToWallet } from "./back";
import { CredentialCard } from "./credential-card";
import { DocumentInput } from "./document-input";

const WRONG_KIND: Readonly<Record<string, string>> = {
  presentation: "This is a presentation, made for somebody else to see. Verify it instead.",
  request: "This is a request: somebody asks you to show something. Answer it under “Show”.",
  did: "This is a DID, which names somebody. A card is longer.",
  unknown: "This is no credential that can be read: neither JSON nor a compact token.",
};

/** Brings a credential into the wallet. */
export function AddCard() {
  const text = useSignal("");
  const { busy, run } = useWork();
  const trouble = useSignal<string | undefined>(undefined);
  const facts = useComputed(() => (text.value.trim() === "" ? undefined : credentialFacts(text.value)));
  const wrongKind = useComputed(() => (text.value.trim() === "" || facts.value ? undefined : WRONG_KIND[kindOf(text.value)]));
  const add = async (): Promise<void> => {
    trouble.value = undefined;
    const keep = async (): Promise<void> => {
      const kept = await theAvatar().credentials.keep(text.value.trim());
      await refreshWallet();
      go(walletAddress(kept.id), { replace: true });
      notify("The card is in your wallet.");
    };
    await run(keep, (error) => (trouble.value = wordsFor(error).text));
  };
  return (
    <section class="page" tabIndex={0} aria-labelledby="page-title">
      <BackToWallet />
      <h1 id="page-title">Add a card</h1>
      <p class="lead">Paste what you were given, choose the file, or scan the code.</p>
      <div class="card">
        <DocumentInput
          label="The credential"
          testId="add-text"
          value={text.value}
          onValue={(value) => {
            text.value = value;
            trouble.value = undefined;
          }}
          take={() => undefined}
          error={trouble.value ?? wrongKind.value}
        />
      </div>
      {facts.value && (
        <>
          <div class="card-shown" data-testid="add-preview">
            <CredentialCard facts={facts.value} state="unchecked" />
          </div>
          <div class="card-buttons card-after">
            <Button kind="primary" icon="plus" data-testid="add-keep" disabled={busy.value} onClick={() => void add()}>
              {busy.value ? "Adding…" : "Put it into my wallet"}
            </Button>
          </div>
        </>
      )}
    </section>
  );
}
