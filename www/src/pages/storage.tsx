import type { AvatarStatus } from "@dao/avatar";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { refreshStatus, status } from "../node/avatar";
import { offlineBuild, pageBuild } from "../shell/updates";
import { shownBytes } from "../ui/bytes";
import { Icon } from "../ui/icons";
import { Page } from "../ui/page";

const REFRESH_MS = 5_000;

const RISK: Readonly<Record<AvatarStatus["storage"]["evictionRisk"], { title: string; text: string }>> = {
  none: { title: "Safe here", text: "The browser has promised to keep your notes until you remove them yourself." },
  low: { title: "Probably safe", text: "The browser may remove your notes only when the disk gets full. Installing the app, or using it often, makes that less likely still. An export is the surest copy." },
  high: { title: "Not safe here", text: "This browser may remove your notes after some days without a visit, or when the tab closes. Export them regularly, or use another browser." },
};

const KINDS: Readonly<Record<AvatarStatus["storage"]["kind"], string>> = { indexeddb: "In this browser’s database", folder: "In a folder", memory: "In this tab’s memory only" };

/** Where the notes are, and how safe. */
export function StoragePage() {
  useEffect(() => {
    void refreshStatus();
    const timer = setInterval(() => document.visibilityState === "visible" && void refreshStatus(), REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  const now = status.value;
  return (
    <Page
      title="Storage"
      lead="Where your notes are, how much room they take, and what could happen to them."
    >
      {now ? <Details now={now} /> : <div class="loading" aria-busy="true" />}
    </Page>
  );
}

function Details({ now }: { now: AvatarStatus }) {
  const { storage, documents, metaUnit } = now;
  const risk = RISK[storage.evictionRisk];
  const share = storage.usageBytes !== undefined && storage.quotaBytes ? storage.usageBytes / storage.quotaBytes : undefined;
  const fill = (element: HTMLElement | null): void => {
    if (element && share !== undefined) element.style.inlineSize = `${Math.max(share * 100, 0.6)}%`;
  };
  return (
    <>
      <section class={`card risk risk-${storage.evictionRisk}`} data-testid="storage-eviction" data-value={storage.evictionRisk}>
        <Icon name={storage.evictionRisk === "high" ? "alert" : "check"} size={28} />
        <div>
          <h2>{risk.title}</h2>
          <p>{risk.text}</p>
          {storage.reason && <p class="fine">{storage.reason}</p>}
        </div>
      </section>
      <section class="card" aria-labelledby="space-head">
        <h2 id="space-head">Space</h2>
        <p class="space">
          <span class="big-number" data-testid="storage-used" data-bytes={storage.usageBytes}>
            {storage.usageBytes === undefined ? "unknown" : shownBytes(storage.usageBytes)}
          </span>
          <span>
            {" "}
            of{" "}
            <span data-testid="storage-quota" data-bytes={storage.quotaBytes}>
              {storage.quotaBytes === undefined ? "an unknown quota" : shownBytes(storage.quotaBytes)}
            </span>{" "}
            that the browser allows
          </span>
        </p>
        {share !== undefined && (
          <div class="meter-track" aria-hidden="true">
            <div class="meter-fill" ref={fill} />
          </div>
        )}
        <dl class="values">
          <Value label="Kept" testId="storage-kind" value={storage.kind}>
            {KINDS[storage.kind]}
          </Value>
          <Value label="The browser promised to keep it" testId="storage-persisted" value={storage.persisted}>
            {storage.persisted ? "Yes" : "No"}
          </Value>
        </dl>
      </section>
      <section class="card" aria-labelledby="notes-head">
        <h2 id="notes-head">Notes</h2>
        <dl class="values">
          <Value label="Documents" testId="storage-documents" value={documents.total} />
          <Value label="Damaged" testId="storage-corrupt" value={documents.corrupt} />
          <Value label="In memory now" testId="storage-loaded" value={documents.loaded} />
          <Value label="Loaded since the start" testId="storage-loads" value={documents.loads} />
        </dl>
      </section>
      <section class="card" aria-labelledby="lacks-head">
        <h2 id="lacks-head">What this browser lacks</h2>
        <ul class="lacking" data-testid="storage-lacking" data-count={now.lacking.length}>
          {now.lacking.length === 0 ? <li class="none">Nothing that the app needs.</li> : now.lacking.map((item) => <li key={item}>{item}</li>)}
        </ul>
      </section>
      <section class="card" aria-labelledby="engine-head">
        <h2 id="engine-head">Under the bonnet</h2>
        <dl class="values">
          <Value label="This tab" testId="storage-role" value={now.role}>
            {now.role === "leader" ? "Leads: it runs the core for all tabs" : "Follows: another tab runs the core"}
          </Value>
          <Value label="Open tabs" testId="storage-clients" value={now.clients} />
          <Value label="Restarts of the core" testId="storage-restarts" value={metaUnit.restarts} />
          <Value label="Memory of the core" testId="storage-memory" value={metaUnit.memoryBytes}>
            {shownBytes(metaUnit.memoryBytes)}
          </Value>
          <Value label="Version" testId="storage-version" value={now.version} />
          <Value label="Build of this page" testId="storage-build" value={pageBuild}>
            <Build id={pageBuild} />
          </Value>
          <Value label="Build of the offline copy" testId="storage-worker-build" value={offlineBuild.value ?? "none"}>
            {offlineBuild.value ? <Build id={offlineBuild.value} /> : "No offline copy"}
          </Value>
          <Value label="Build of the core" testId="storage-core-build" value={metaUnit.buildId}>
            <Build id={metaUnit.buildId} />
          </Value>
        </dl>
      </section>
    </>
  );
}

function Value({ label, testId, value, children }: { label: string; testId: string; value: string | number | boolean; children?: ComponentChildren }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd data-testid={testId} data-value={String(value)}>
        {children ?? (typeof value === "number" ? value.toLocaleString() : String(value))}
      </dd>
    </div>
  );
}

/** The first letters of a build id are enough for people. */
function Build({ id }: { id: string }) {
  return (
    <code title={id}>{id.slice(0, 12)}</code>
  );
}
