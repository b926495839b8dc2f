import { go, pageAddress } from "../../shell/router";
import { Icon } from "../../ui/icons";

export function BackToWallet() {
  return (
    <a class="back" href={pageAddress("wallet")} data-testid="wallet-back" onClick={(event) => (event.preventDefault(), go(pageAddress("wallet")))}>
      <Icon name="back" size={18} /> Wallet
    </a>
  );
}
