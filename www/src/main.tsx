/** Start of the app. */
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/notes.css";
import "./styles/note.css";
import "./styles/pages.css";
import "./styles/forms.css";
import "./styles/identity.css";
import "./styles/wallet.css";
import "./styles/devices.css";
import "./styles/overlays.css";
import { effect } from "@preact/signals";
import { render } from "preact";
import { phase, startAvatar } from "./node/avatar";
import { followTags } from "./node/tags";
import { App } from "./shell/app";
import { newNote } from "./shell/commands";
import { go, route } from "./shell/router";
import { listenForShortcuts } from "./shell/shortcuts";
import { followTheme } from "./shell/theme";
import { followUpdates } from "./shell/updates";

const root = document.getElementById("root") as HTMLElement;
followTheme();
root.replaceChildren();
render(<App />, root);
listenForShortcuts();
followTags();
void startAvatar();
// Offline copying competes with the first start for the network: it comes after the first list.
const stop = effect(() => {
  if (phase.value.name === "starting") return;
  queueMicrotask(() => stop());
  void followUpdates();
  if (phase.value.name === "ready") {
    welcomeFromOutside();
    void import(/* webpackChunkName: "peers" */ "./node/peers").then(({ followPeers }) => followPeers());
  }
});

interface LaunchQueue {
  setConsumer(consumer: (launch: { files?: readonly FileSystemFileHandle[] }) => void): void;
}

/** What the system may start the app with: a shortcut, or Markdown files that were opened with it. */
function welcomeFromOutside(): void {
  const makeIfAsked = (): void => {
    if (route.peek().page !== "new") return;
    go("#/", { replace: true });
    void newNote();
  };
  makeIfAsked();
  addEventListener("hashchange", makeIfAsked);
  const queue = (globalThis as { launchQueue?: LaunchQueue }).launchQueue;
  queue?.setConsumer(({ files = [] }) => {
    if (files.length === 0) return;
    void import(/* webpackChunkName: "import" */ "./import/job").then(({ startImport }) => startImport(() => files.map((handle) => ({ path: handle.name, open: () => handle.getFile() }))));
  });
}
