import type { IdentityState } from "@dao/avatar";
import { useSignal, type Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { theAvatar } from "../../node/avatar";
import { identity } from "../../node/identity";
import { codeOf } from "../../node/words";
import { go } from "../../shell/router";
import { notify, notifyError } from "../../shell/toasts";
import { Button } from "../../ui/button";
import { ask } from "../../ui/confirm";
import { Field } from "../../ui/field";
import { Icon } from "../../ui/icons";
import { useWork } from "../../ui/work";

/** So many words are asked for, to see that the paper is right. */
const CHECKED_WORDS = 3;

type Step = "closed" | "shown" | "check";

/** The 24 words: shown once, written down, checked. They are in this page's memory only while they are shown or checked. */
export function WordsCard({ state }: { state: IdentityState }) {
  const step = useSignal<Step>("closed");
  const words = useSignal<readonly string[]>([]);
  const close = (): void => {
    step.value = "closed";
    words.value = [];
  };
  useEffect(() => close, []);
  const show = async (): Promise<void> => {
    try {
      words.value = await theAvatar().identity.recovery.words();
      step.value = "shown";
    } catch (error) {
      notifyError(error);
    }
  };
  if (state.wordsConfirmed) {
    return (
      <section class="card way-card way-done" data-testid="words-confirmed" aria-labelledby="words-head">
        <h2 id="words-head">
          <Icon name="check" />
          Your 24 words are on paper
        </h2>
        <p>They bring your identity back on any device. Nobody can see them here any more, not even you. If the paper is lost, make a new key with new words.</p>
        <Button icon="refresh" onClick={() => go("#/identity")}>
          Make new words
        </Button>
      </section>
    );
  }
  return (
    <section class="card way-card" aria-labelledby="words-head">
      <h2 id="words-head">
        <Icon name="key" />
        24 words on paper
      </h2>
      {step.value === "closed" && (
        <>
          <p>The surest way: words that are your key, written down once and kept where you keep what matters. Whoever has them is you, so make sure that nobody looks over your shoulder.</p>
          <Button kind="primary" icon="eye" data-testid="words-show" onClick={() => void show()}>
            Show my words
          </Button>
        </>
      )}
      {step.value === "shown" && <ShownWords words={words.value} next={() => (step.value = "check")} close={close} />}
      {step.value === "check" && <CheckWords words={words} back={() => (step.value = "shown")} done={close} />}
    </section>
  );
}

function ShownWords({ words, next, close }: { words: readonly string[]; next: () => void; close: () => void }) {
  const copy = async (): Promise<void> => {
    const yes = await ask("Copy the words?", "Other programs can read what is copied, and some keep it. Paper is safer. If you copy them, paste them into a password manager and copy something else afterwards.", "Copy them");
    if (!yes) return;
    navigator.clipboard.writeText(words.join(" ")).then(() => notify("The words were copied. Copy something else when you are done."), notifyError);
  };
  return (
    <>
      <p>Write them down in this order, with their numbers. Then we look at three of them together.</p>
      <ol class="words" data-testid="words" aria-label="Your recovery words">
        {words.map((word, index) => (
          <li key={index} data-testid="word" data-index={index}>
            <span class="word-number" aria-hidden="true">
              {index + 1}
            </span>
            <span class="word" translate={false}>
              {word}
            </span>
          </li>
        ))}
      </ol>
      <div class="card-buttons">
        <Button kind="primary" icon="pen" data-testid="words-written" onClick={next}>
          I have written them down
        </Button>
        <Button icon="print" data-testid="words-print" onClick={() => print()}>
          Print
        </Button>
        <Button icon="copy" data-testid="words-copy" onClick={() => void copy()}>
          Copy
        </Button>
        <Button onClick={close}>Hide</Button>
      </div>
    </>
  );
}

function CheckWords({ words, back, done }: { words: Signal<readonly string[]>; back: () => void; done: () => void }) {
  const places = useSignal(randomPlaces(words.peek().length));
  const typed = useSignal<Readonly<Record<number, string>>>({});
  const wrong = useSignal<readonly number[]>([]);
  const { busy, run } = useWork();
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const given = places.value.map((index) => ({ index, word: (typed.value[index] ?? "").trim().toLowerCase() }));
    wrong.value = given.filter(({ index, word }) => word !== words.value[index]).map(({ index }) => index);
    if (wrong.value.length > 0) return;
    const tell = async (): Promise<void> => {
      identity.value = await theAvatar().identity.recovery.confirm(given);
      done();
      notify("Done: you have a way back in.");
    };
    await run(tell, (error) => {
      if (codeOf(error) === "WRONG_SECRET") wrong.value = places.value;
      else notifyError(error);
    });
  };
  return (
    <form class="words-check" data-testid="words-check" onSubmit={(event) => void submit(event)}>
      <p>From your paper, please:</p>
      <div class="fields-row">
        {places.value.map((index, at) => (
          <Field
            key={index}
            label={`Word ${index + 1}`}
            testId="words-check-input"
            index={index}
            focus={at === 0}
            value={typed.value[index] ?? ""}
            onValue={(value) => {
              typed.value = { ...typed.value, [index]: value };
              wrong.value = wrong.value.filter((other) => other !== index);
            }}
            error={wrong.value.includes(index) ? "Not this one. Look at your paper again." : undefined}
          />
        ))}
      </div>
      <div class="card-buttons">
        <Button kind="primary" icon="check" type="submit" data-testid="words-check-submit" disabled={busy.value || places.value.some((index) => (typed.value[index] ?? "").trim() === "")}>
          Check
        </Button>
        <Button onClick={back}>Show the words again</Button>
      </div>
    </form>
  );
}

/** Different places, in order. */
function randomPlaces(count: number): number[] {
  const places = Array.from({ length: count }, (_, index) => index);
  for (let at = 0; at < CHECKED_WORDS; at++) {
    const other = at + (crypto.getRandomValues(new Uint32Array(1))[0] as number) % (count - at);
    [places[at], places[other]] = [places[other] as number, places[at] as number];
  }
  return places.slice(0, CHECKED_WORDS).sort((a, b) => a - b);
}
