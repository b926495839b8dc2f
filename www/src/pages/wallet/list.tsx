import { useEffect } from "preact/hooks";
import { refreshWallet, wallet } from "../../node/wallet";
import { go, walletAddress } from "../../shell/router";
import { Button } from "../../ui/button";
import { Icon, type IconName } from "../../ui/icons";
import { Page } from "../../ui/page";
import { credentialFacts } from "../../wallet/document";
import { CredentialCard } from "./credential-card";

const TASKS: readonly { task: string; icon: IconName; title: string; text: string }[] = [
  { task: "present", icon: "qr", title: "Show", text: "Answer somebody who asks" },
  { task: "verify", icon: "shield", title: "Verify", text: "Check what somebody shows" },
  { task: "ask", icon: "ask", title: "Ask", text: "Request a proof" },
  { task: "issue", icon: "pen", title: "Issue", text: "Sign a statement" },
];

/** All that is kept, as cards, and what can be done with them. */
export function WalletList() {
  useEffect(() => {
    void refreshWallet();
    const look = (): void => void (document.visibilityState === "visible" && refreshWallet());
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, []);
  const cards = wallet.value;
  return (
    <Page title="Wallet" lead="Proofs that others gave you, and statements that you signed. They are yours, they are checked on this device, and whoever issued one does not hear when you show it.">
      <ul class="tasks">
        {TASKS.map(({ task, icon, title, text }) => (
          <li key={task}>
            <a href={walletAddress(task)} class="task" data-testid={`wallet-${task}`} onClick={(event) => (event.preventDefault(), go(walletAddress(task)))}>
              <Icon name={icon} size={22} />
              <span>
                <strong>{title}</strong>
                <small>{text}</small>
              </span>
            </a>
          </li>
        ))}
      </ul>
      {cards !== undefined && (
        <section aria-labelledby="cards-head">
          <div class="section-head">
            <h2 id="cards-head">{cards.length === 0 ? "No cards yet" : cards.length === 1 ? "1 card" : `${cards.length.toLocaleString()} cards`}</h2>
            {cards.length > 0 && (
              <Button icon="plus" data-testid="wallet-add" onClick={() => go(walletAddress("add"))}>
                Add
              </Button>
            )}
          </div>
          {cards.length === 0 ? (
            <div class="empty" data-testid="wallet-empty">
              <Icon name="wallet" size={40} />
              <p>A diploma, a membership, a permit: whoever issues you a verifiable credential gives you a file or a QR code. Add it here, and show it when you like.</p>
              <Button kind="primary" icon="plus" data-testid="wallet-add" onClick={() => go(walletAddress("add"))}>
                Add a card
              </Button>
            </div>
          ) : (
            <ul class="cards" data-testid="wallet-cards" data-count={cards.length}>
              {cards.map((kept) => {
                const facts = credentialFacts(kept.document);
                return (
                  <li key={kept.id}>
                    <a href={walletAddress(kept.id)} class="vc-link" data-testid="wallet-card" data-id={kept.id} data-issued={kept.issued} onClick={(event) => (event.preventDefault(), go(walletAddress(kept.id)))}>
                      {facts ? <CredentialCard kept={kept} facts={facts} /> : <span class="vc vc-look-0">A credential that cannot be read</span>}
                    </a>
                  </li>
                );
              })}
            </ul>
          )}
        </section>
      )}
    </Page>
  );
}
