import { isCredentialId } from "../wallet/id";
import { route } from "../shell/router";
import { AddCard } from "./wallet/add";
import { AskForProof } from "./wallet/ask";
import { CardDetail } from "./wallet/card";
import { IssueStatement } from "./wallet/issue";
import { WalletList } from "./wallet/list";
import { PresentCards } from "./wallet/present";
import { VerifyAnything } from "./wallet/verify";

/** The wallet: the list, one card, or a task. */
export function WalletPage() {
  const { id } = route.value;
  if (id === undefined) return <WalletList />;
  if (isCredentialId(id)) return <CardDetail key={id} id={id} />;
  switch (id) {
    case "add":
      return <AddCard />;
    case "ask":
      return <AskForProof />;
    case "issue":
      return <IssueStatement />;
    case "present":
      return <PresentCards />;
    case "verify":
      return <VerifyAnything />;
    default:
      return <WalletList />;
  }
}
