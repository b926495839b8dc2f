import type { PeerConnection, PeersFinding, PeersState, RelayState } from "@dao/avatar";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { placeOf, roundTripWords, transportWords, withPlaces } from "../devices/words";
import { theAvatar } from "../node/avatar";
import { followPeers, nameOf, peers, sayRelays } from "../node/peers";
import { codeOf } from "../node/words";
import { go, pageAddress } from "../shell/router";
import { notifyError } from "../shell/toasts";
import { Button } from "../ui/button";
import { shownBytes } from "../ui/bytes";
import { Icon, type IconName } from "../ui/icons";
import { Page } from "../ui/page";
import { fullSentence, sentence } from "../ui/sentence";
import { useWork } from "../ui/work";

/** Which ways lead to the person's devices, what passes over them, and what stands in the way. */
export function NetworkPage() {
  useEffect(followPeers, []);
  const state = peers.value;
  return (
    <Page title="Network" lead="Which ways lead to your devices. A relay brings two devices together and carries what cannot go directly; all of it is sealed before." back={<BackToDevices />}>
      <Diagnosis />
      {state?.supported && (
        <>
          <Connections state={state} />
          <Relays relays={state.relays} />
          <Own state={state} />
        </>
      )}
    </Page>
  );
}

function BackToDevices() {
  return (
    <a class="back" href={pageAddress("devices")} data-testid="network-back" onClick={(event) => (event.preventDefault(), go(pageAddress("devices")))}>
      <Icon name="back" size={18} /> Devices
    </a>
  );
}

const VERDICTS: Readonly<Record<PeersFinding["verdict"], { icon: IconName; words: string }>> = {
  good: { icon: "check", words: "Well" },
  fair: { icon: "info", words: "Could be better" },
  bad: { icon: "alert", words: "Not well" },
};

function Diagnosis() {
  const findings = useSignal<readonly PeersFinding[] | undefined>(undefined);
  const { busy, run } = useWork();
  const look = (): Promise<void> =>
    run(
      async () => {
        // Only a device that meets others is told of relays: see followPeers.
        if (peers.peek()?.on) await sayRelays();
        findings.value = await theAvatar().peers.diagnose();
      },
      (error) => {
        if (/^(UNSUPPORTED|UNKNOWN_REQUEST)$/.test(codeOf(error))) findings.value = [{ verdict: "bad", subject: "host", text: "This browser cannot reach other devices." }];
        else notifyError(error);
      },
    );
  useEffect(() => void look(), []);
  return (
    <section class="card" aria-labelledby="findings-head" aria-busy={busy.value}>
      <h2 id="findings-head">How it is</h2>
      <ul class="findings" data-testid="findings" data-count={findings.value?.length}>
        {(findings.value ?? []).map(({ verdict, subject, text }) => (
          <li key={`${subject} ${text}`} data-testid="finding" data-verdict={verdict} data-subject={subject}>
            <Icon name={VERDICTS[verdict].icon} />
            <span>
              <span class="visually-hidden">{VERDICTS[verdict].words}: </span>
              {sentence(withPlaces(text))}
            </span>
          </li>
        ))}
      </ul>
      <div class="card-buttons">
        <Button icon="refresh" data-testid="diagnose" disabled={busy.value} onClick={() => void look()}>
          {busy.value ? "Looking…" : "Look again"}
        </Button>
      </div>
    </section>
  );
}

/** Who is at the other end. */
function endOf(state: PeersState, { device, peerId }: PeerConnection): string {
  if (device !== undefined) return nameOf(device);
  return state.relays.some(({ address }) => address.endsWith(peerId)) ? "Relay" : "Somebody else";
}

function Connections({ state }: { state: PeersState }) {
  return (
    <section class="card" aria-labelledby="connections-head">
      <h2 id="connections-head">Connections</h2>
      {state.connections.length === 0 && <p class="fine">None now.</p>}
      <ul class="connections" data-testid="connections" data-count={state.connections.length}>
        {state.connections.map((connection) => (
          <li key={connection.id} data-testid="connection" data-device={connection.device} data-relayed={connection.relayed} data-transport={connection.transport}>
            <h3>
              {endOf(state, connection)}
              <span class="pill">{connection.relayed ? "by way of a relay" : "direct"}</span>
            </h3>
            <dl class="facts-line">
              {connection.transport !== "other" && <Fact label="Over" value={transportWords(connection.transport)} />}
              <Fact label="There and back" value={roundTripWords(connection.roundTripMs)} />
              <Fact label="In" value={shownBytes(connection.bytesIn)} />
              <Fact label="Out" value={shownBytes(connection.bytesOut)} />
            </dl>
            <details>
              <summary>Address</summary>
              <p class="address">{connection.address}</p>
            </details>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Fact({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function relayWords({ connected, reserved, problem }: RelayState): string {
  if (problem !== undefined) return fullSentence(withPlaces(problem));
  if (reserved) return "Your devices find this one by it";
  return connected ? "Connected" : "Not connected now";
}

function Relays({ relays }: { relays: readonly RelayState[] }) {
  return (
    <section class="card" aria-labelledby="relays-head">
      <h2 id="relays-head">Relays</h2>
      {relays.length === 0 && <p class="fine">None is in use.</p>}
      <ul class="rows" data-testid="relays" data-count={relays.length}>
        {relays.map((relay) => (
          <li key={relay.address} data-testid="relay" data-connected={relay.connected} data-reserved={relay.reserved} data-problem={relay.problem !== undefined}>
            <span class="dot" data-on={relay.connected} aria-hidden="true" />
            <span>
              {placeOf(relay.address)}
              <small>{relayWords(relay)}</small>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Own({ state: { peerId, addresses } }: { state: PeersState }) {
  if (peerId === undefined) return null;
  return (
    <section class="card" aria-labelledby="own-head">
      <h2 id="own-head">This device, to the network</h2>
      <p class="address" data-testid="network-peer-id">
        {peerId}
      </p>
      <p class="fine">{addresses.length === 0 ? "Others cannot reach it yet." : "Others reach it here:"}</p>
      {addresses.map((address) => (
        <p key={address} class="address">
          {address}
        </p>
      ))}
    </section>
  );
}
