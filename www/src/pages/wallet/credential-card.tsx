import type { KeptCredential } from "@dao/avatar";
import { identity } from "../../node/identity";
import { Icon, type IconName } from "../../ui/icons";
import { shortDid } from "../../wallet/did";
import { validityOf, type CredentialFacts } from "../../wallet/document";
import { wordsOf } from "../../wallet/json";

const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

/** Looks that a card may have; an issuer's cards look alike. */
const LOOKS = 5;

/** What a card says of itself. `unchecked`: nobody has verified it yet; `unproven`: it was verified, and does not hold. */
export type CardState = "valid" | "early" | "expired" | "revoked" | "unchecked" | "unproven";

export const STATES: Readonly<Record<CardState, { label: string; icon: IconName }>> = {
  valid: { label: "In force", icon: "check" },
  early: { label: "Not in force yet", icon: "clock" },
  expired: { label: "Expired", icon: "clock" },
  revoked: { label: "Revoked", icon: "close" },
  unchecked: { label: "Not checked yet", icon: "info" },
  unproven: { label: "Not proven", icon: "alert" },
};

/** What is known without asking anybody: the dates, and revocations of our own. */
export function stateOf(kept: KeptCredential | undefined, facts: CredentialFacts): CardState {
  return kept?.revoked ? "revoked" : validityOf(facts);
}

function isOwn(id: string): boolean {
  const state = identity.value;
  return id !== "" && (id === state?.did || state?.formerDids.includes(id) === true);
}

/** Who somebody is, in a word. */
export function nameOf({ id, name }: { id: string; name: string }): string {
  if (isOwn(id)) return name === "" ? "You" : `${name} (you)`;
  return name || (id.startsWith("did:") ? shortDid(id) : id) || "Nobody named";
}

export function shownDates({ validFrom, validUntil }: Pick<CredentialFacts, "validFrom" | "validUntil">): string {
  if (validFrom && validUntil) return `${DAY.format(validFrom)} to ${DAY.format(validUntil)}`;
  if (validUntil) return `until ${DAY.format(validUntil)}`;
  return validFrom ? `since ${DAY.format(validFrom)}` : "without dates";
}

/** A credential as a card: what it is, from whom, for whom, and whether it is in force. */
export function CredentialCard({ kept, facts, state = stateOf(kept, facts) }: { kept?: KeptCredential; facts: CredentialFacts; state?: CardState }) {
  return (
    <div class={`vc vc-look-${lookOf(facts.issuer.id)} vc-${state}`} data-state={state}>
      <div class="vc-head">
        <span class="vc-type">{kindOfCard(facts)}</span>
        <span class="vc-state">
          <Icon name={STATES[state].icon} size={14} />
          {STATES[state].label}
        </span>
      </div>
      <strong class="vc-title" dir="auto">
        {facts.title}
      </strong>
      <dl class="vc-facts">
        <div>
          <dt>From</dt>
          <dd dir="auto">{nameOf(facts.issuer)}</dd>
        </div>
        <div>
          <dt>For</dt>
          <dd dir="auto">{facts.subjects.length === 0 ? "Nobody named" : facts.subjects.map((id) => nameOf({ id, name: "" })).join(", ")}</dd>
        </div>
        <div>
          <dt>Dates</dt>
          <dd>{shownDates(facts)}</dd>
        </div>
      </dl>
    </div>
  );
}

function kindOfCard({ types, title }: CredentialFacts): string {
  const kinds = types.map(wordsOf).filter((kind) => kind !== title);
  return kinds.length === 0 ? "Verifiable credential" : kinds.join(", ");
}

/** The house's own colour for what is signed here, one of the others for an issuer. */
function lookOf(issuer: string): number {
  if (isOwn(issuer)) return 0;
  let sum = 0;
  for (const character of issuer) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 9973;
  return 1 + (sum % (LOOKS - 1));
}
