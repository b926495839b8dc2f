import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { phase, rebuilding, saveState, status } from "../node/avatar";
import { locked } from "../node/identity";
import { allTags } from "../node/tags";
import { codeOf, wordsFor } from "../node/words";
import { showTag, tag } from "../pages/list-state";
import { NotesPage } from "../pages/notes";
import { Button } from "../ui/button";
import { ConfirmDialog } from "../ui/confirm";
import { Icon, Logo, type IconName } from "../ui/icons";
import { lazy } from "../ui/lazy";
import { helpOpen, lockNow, newNote, paletteOpen, shownKeys } from "./commands";
import { HelpSheet } from "./help-sheet";
import { LockScreen } from "./lock-screen";
import { Palette } from "./palette";
import { go, pageAddress, route, type PageName } from "./router";
import { SaveBadge } from "./save-state";
import { ToastList } from "./toast-list";
import { pageBuild, updateReady } from "./updates";
import { DropTarget } from "./drop-target";

const ImportPage = lazy(() => import(/* webpackChunkName: "page-import" */ "../pages/import").then((module) => module.ImportPage));
const ExportPage = lazy(() => import(/* webpackChunkName: "page-export" */ "../pages/export").then((module) => module.ExportPage));
const DevicesPage = lazy(() => import(/* webpackChunkName: "page-devices" */ "../pages/devices").then((module) => module.DevicesPage));
const LinkPage = lazy(() => import(/* webpackChunkName: "page-link" */ "../pages/link").then((module) => module.LinkPage));
const NetworkPage = lazy(() => import(/* webpackChunkName: "page-network" */ "../pages/network").then((module) => module.NetworkPage));
const IdentityPage = lazy(() => import(/* webpackChunkName: "page-identity" */ "../pages/identity").then((module) => module.IdentityPage));
const RecoveryPage = lazy(() => import(/* webpackChunkName: "page-recovery" */ "../pages/recovery").then((module) => module.RecoveryPage));
const RestorePage = lazy(() => import(/* webpackChunkName: "page-restore" */ "../pages/restore").then((module) => module.RestorePage));
const WalletPage = lazy(() => import(/* webpackChunkName: "page-wallet" */ "../pages/wallet").then((module) => module.WalletPage));
const StoragePage = lazy(() => import(/* webpackChunkName: "page-storage" */ "../pages/storage").then((module) => module.StoragePage));

type NavPage = Exclude<PageName, "note" | "new">;

const NAV: readonly { page: NavPage; label: string; icon: IconName }[] = [
  { page: "notes", label: "Notes", icon: "notes" },
  { page: "wallet", label: "Wallet", icon: "wallet" },
  { page: "import", label: "Import", icon: "import" },
  { page: "export", label: "Export", icon: "export" },
  { page: "devices", label: "Devices", icon: "device" },
  { page: "identity", label: "Identity", icon: "identity" },
  { page: "storage", label: "Storage", icon: "storage" },
];

const TITLES: Readonly<Record<PageName, string>> = {
  notes: "Notes",
  note: "Note",
  new: "Notes",
  import: "Import",
  export: "Export",
  wallet: "Wallet",
  devices: "Devices",
  link: "Link this device",
  network: "Network",
  identity: "Identity",
  recovery: "Ways back in",
  restore: "Welcome back",
  storage: "Storage",
};

/** What belongs to a page of the navigation. */
const WITHIN: Partial<Record<PageName, NavPage>> = { note: "notes", new: "notes", recovery: "identity", link: "devices", network: "devices" };

export function App() {
  const { page } = route.value;
  useEffect(() => {
    if (page !== "note" && !locked.value) document.title = page === "notes" ? "Avatar" : `${TITLES[page]} · Avatar`;
  }, [page, locked.value]);
  return (
    <div class="app" data-testid="app" data-ready={phase.value.name === "ready"} data-locked={locked.value} data-build={pageBuild} data-page={page}>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), document.getElementById("main")?.focus())}>
        Skip to the page
      </a>
      {!locked.value && <Sidebar />}
      <Main page={page} />
      {!locked.value && <TabBar page={page} />}
      <ToastList />
      <UpdateBar />
      {!locked.value && (
        <>
          <Palette />
          <HelpSheet />
          <ConfirmDialog />
          {phase.value.name === "ready" && <DropTarget />}
        </>
      )}
    </div>
  );
}

function Main({ page }: { page: PageName }) {
  const main = useRef<HTMLElement>(null);
  const group = page === "note" || page === "new" ? "notes" : page;
  const before = useRef(group);
  // A new page takes the focus, so that keyboard and screen reader begin there.
  useEffect(() => {
    if (before.current !== group) main.current?.focus({ preventScroll: true });
    before.current = group;
  }, [group]);
  return (
    <main id="main" class="main" ref={main} tabIndex={-1} aria-label={locked.value ? "Locked" : TITLES[group]}>
      <Banners />
      <Body page={page} />
    </main>
  );
}

function Body({ page }: { page: PageName }): ComponentChildren {
  const state = phase.value;
  if (state.name === "failed") return <StartError error={state.error} />;
  if (locked.value) return <LockScreen />;
  if (state.name === "starting") return <div class="loading" aria-busy="true" aria-label="Opening your notes" />;
  switch (page) {
    case "notes":
    case "note":
    case "new":
      return <NotesPage />;
    case "import":
      return <ImportPage />;
    case "export":
      return <ExportPage />;
    case "wallet":
      return <WalletPage />;
    case "devices":
      return <DevicesPage />;
    case "link":
      return <LinkPage />;
    case "network":
      return <NetworkPage />;
    case "identity":
      return <IdentityPage />;
    case "recovery":
      return <RecoveryPage />;
    case "restore":
      return <RestorePage />;
    case "storage":
      return <StoragePage />;
  }
}

function StartError({ error }: { error: unknown }) {
  const words = wordsFor(error);
  return (
    <div class="start-error" role="alert" data-testid="start-error" data-code={codeOf(error)}>
      <Icon name="alert" size={40} />
      <h1>{words.title}</h1>
      <p>{words.text}</p>
      <Button kind="primary" onClick={() => location.reload()}>
        Reload
      </Button>
      <p class="detail">
        {codeOf(error)}: {error instanceof Error ? error.message : String(error)}
      </p>
    </div>
  );
}

function Banners() {
  const memory = status.value?.storage.kind === "memory";
  return (
    <>
      {memory && (
        <p class="banner banner-warn" data-testid="banner-memory">
          <Icon name="alert" size={18} />
          <span>Nothing is kept: {status.value?.storage.reason ?? "this browser gives the page no storage"}. Export what you want to keep before you close this tab.</span>
        </p>
      )}
      {rebuilding.value && (
        <p class="banner" role="status">
          <Icon name="info" size={18} />
          <span>
            Sorting your notes anew: {rebuilding.value.done.toLocaleString()} of {rebuilding.value.total.toLocaleString()}.
          </span>
        </p>
      )}
    </>
  );
}

function NavLink({ page, label, icon, current, testId }: { page: NavPage; label: string; icon: IconName; current: boolean; testId?: string }) {
  return (
    <a
      class="nav-link"
      href={pageAddress(page)}
      data-testid={testId}
      aria-current={current ? "page" : undefined}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        go(pageAddress(page));
      }}
    >
      <Icon name={icon} />
      <span>{label}</span>
    </a>
  );
}

function Sidebar() {
  const { page } = route.value;
  const ready = phase.value.name === "ready";
  return (
    <header class="sidebar">
      <div class="brand-row">
        <a class="brand" href="#/" onClick={(event) => (event.preventDefault(), go("#/"))} aria-label="Avatar: all notes">
          <Logo />
          <span>Avatar</span>
        </a>
        <button type="button" class="icon-button" data-testid="lock-now" aria-label="Lock now" title="Lock now" disabled={!ready} onClick={() => void lockNow()}>
          <Icon name="lock" size={18} />
        </button>
      </div>
      <button type="button" class="new-note" data-testid="new-note" disabled={!ready} onClick={() => void newNote()}>
        <Icon name="plus" size={18} />
        <span>New note</span>
      </button>
      <button type="button" class="find" disabled={!ready} onClick={() => (paletteOpen.value = true)}>
        <Icon name="search" size={18} />
        <span>Find</span>
        <span class="find-keys" aria-hidden="true">
          {shownKeys("Mod+K").map((key) => (
            <kbd key={key}>{key}</kbd>
          ))}
        </span>
      </button>
      <nav aria-label="Pages" class="nav">
        {NAV.map((item) => (
          <NavLink key={item.page} {...item} testId={`nav-${item.page}`} current={item.page === (WITHIN[page] ?? page)} />
        ))}
      </nav>
      {allTags.value.length > 0 && (
        <section class="tags" aria-labelledby="tags-head">
          <h2 id="tags-head">Tags</h2>
          <ul>
            {allTags.value.slice(0, 200).map((item) => (
              <li key={item.tag}>
                <button
                  type="button"
                  class="tag-link"
                  data-testid="tag-filter-item"
                  data-tag={item.tag}
                  aria-pressed={tag.value === item.tag}
                  onClick={() => showTag(tag.value === item.tag ? undefined : item.tag)}
                >
                  <span class="tag-name">#{item.tag}</span>
                  <span class="tag-count">{item.count.toLocaleString()}</span>
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}
      <div class="sidebar-foot">
        <SaveBadge state={saveState.value} testId="save-state" />
        <button type="button" class="icon-button" aria-label="Keyboard shortcuts" title="Keyboard shortcuts" onClick={() => (helpOpen.value = true)}>
          <Icon name="keyboard" size={18} />
        </button>
      </div>
    </header>
  );
}

/** The phone's navigation, within reach of the thumb. */
function TabBar({ page }: { page: PageName }) {
  if (page === "note") return null;
  return (
    <nav class="tab-bar" aria-label="Pages (bottom)">
      {NAV.map((item) => (
        <NavLink key={item.page} {...item} current={item.page === (WITHIN[page] ?? page)} />
      ))}
    </nav>
  );
}

function UpdateBar() {
  const update = updateReady.value;
  if (!update) return null;
  return (
    <div class="update-bar" role="status" data-testid="update-ready">
      <span>
        <strong>Update ready.</strong> It takes a second; your notes stay as they are.
      </span>
      <Button data-testid="update-later" onClick={() => (updateReady.value = undefined)}>
        Later
      </Button>
      <Button kind="primary" data-testid="update-apply" onClick={update.apply}>
        Update now
      </Button>
    </div>
  );
}
