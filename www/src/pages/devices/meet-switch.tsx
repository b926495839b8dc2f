import type { PeersState } from "@dao/avatar";
import { theAvatar } from "../../node/avatar";
import { peers, sayRelays } from "../../node/peers";
import { Button } from "../../ui/button";
import { Icon } from "../../ui/icons";
import { useWork } from "../../ui/work";

/** Whether this device meets the others. */
export function MeetSwitch({ state: { on } }: { state: PeersState }) {
  const { busy, run } = useWork();
  const turn = (): Promise<void> =>
    run(async () => {
      if (!on) await sayRelays();
      peers.value = await theAvatar().peers.connect(!on);
    });
  return (
    <section class="card line-card" aria-labelledby="meet-head" data-testid="meet" data-on={on}>
      <Icon name={on ? "check" : "minus"} size={24} />
      <div>
        <h2 id="meet-head">{on ? "This device meets the others" : "This device keeps to itself"}</h2>
        <p>{on ? "What you write here reaches your other devices at once when they are there, and later when they are not." : "It connects to nobody. What you write here reaches your other devices when you let it."}</p>
      </div>
      <Button data-testid="meet-toggle" disabled={busy.value} onClick={() => void turn()}>
        {on ? "Keep to itself" : "Meet the others"}
      </Button>
    </section>
  );
}
