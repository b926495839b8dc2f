import { saveState } from "../node/avatar";
import { newNote } from "../shell/commands";
import { go } from "../shell/router";
import { Button } from "../ui/button";
import { Icon, Logo, type IconName } from "../ui/icons";

const PROMISES: readonly { icon: IconName; title: string; text: string }[] = [
  { icon: "device", title: "On this device", text: "No account and no server. Your notes stay in this browser until you take them elsewhere." },
  { icon: "check", title: "Saved as you type", text: "Every letter is on the disk at once, offline too. Close the tab in mid-sentence." },
  { icon: "file", title: "Plain Markdown", text: "Bring your files, take them back byte for byte. Nothing is locked in." },
];

/** First run: no note yet. */
export function Welcome() {
  return (
    <div class="welcome" data-testid="welcome">
      <div class="welcome-inner">
        <Logo size={72} />
        <h1>A second brain that is yours alone</h1>
        <p class="welcome-lead">Write, link and find your thoughts. It is ready: your private identity was made on this device a moment ago.</p>
        <div class="welcome-buttons">
          <Button kind="primary" icon="pen" data-testid="welcome-write" onClick={() => void newNote()}>
            Write the first note
          </Button>
          <Button icon="import" data-testid="welcome-import" onClick={() => go("#/import")}>
            Bring my Markdown files
          </Button>
        </div>
        <p class="welcome-before">
          <button type="button" class="link-button" data-testid="welcome-restore" onClick={() => go("#/restore")}>
            I have been here before
          </button>
          <button type="button" class="link-button" data-testid="welcome-link" onClick={() => go("#/link")}>
            I have Avatar on another device
          </button>
        </p>
        <ul class="promises">
          {PROMISES.map((promise) => (
            <li key={promise.title}>
              <Icon name={promise.icon} />
              <div>
                <h2>{promise.title}</h2>
                <p>{promise.text}</p>
              </div>
            </li>
          ))}
        </ul>
        {saveState.value === "memory" && <p class="welcome-memory">This browser keeps nothing for this page (a private window, or storage is blocked): what you write here is gone when the tab closes.</p>}
      </div>
    </div>
  );
}
