import { useEffect } from "preact/hooks";
import { identity } from "../node/identity";
import { followPeers, peers } from "../node/peers";
import { go, pageAddress } from "../shell/router";
import { Button } from "../ui/button";
import { Icon } from "../ui/icons";
import { Page } from "../ui/page";
import { DeviceList } from "./devices/device-list";
import { Invite } from "./devices/invite";
import { MeetSwitch } from "./devices/meet-switch";

/** The person's devices, how they are in step, and the way to link another. */
export function DevicesPage() {
  useEffect(followPeers, []);
  const state = identity.value;
  return (
    <Page title="Devices" lead="The same notes on each of your devices. They talk to each other, sealed from end to end; no server keeps a copy.">
      {state && <DeviceList devices={state.devices} conflicts={state.conflicts} />}
      <Invite />
      {peers.value?.supported && <MeetSwitch state={peers.value} />}
      <section class="card line-card" aria-labelledby="network-head">
        <Icon name="network" size={24} />
        <div>
          <h2 id="network-head">The network</h2>
          <p>Which ways lead to your devices, and what stands in the way.</p>
        </div>
        <Button data-testid="devices-network" onClick={() => go(pageAddress("network"))}>
          Look at it
        </Button>
      </section>
    </Page>
  );
}
