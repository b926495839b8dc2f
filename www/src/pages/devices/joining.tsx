import type { JoinProgress, JoinStage } from "@dao/avatar";
import { go } from "../../shell/router";
import { Button } from "../../ui/button";
import { Icon } from "../../ui/icons";
import { Meter } from "../../ui/meter";

const STAGES: readonly { stage: JoinStage; text: string }[] = [
  { stage: "connecting", text: "Going online" },
  { stage: "finding", text: "Finding the other device, and proving to each other who you are" },
  { stage: "identity", text: "Becoming a device of yours" },
  { stage: "documents", text: "Bringing your notes over" },
];

/** How far the linking is. */
export function Joining({ progress: { stage, documentsDone, documentsTotal }, onCancel }: { progress: JoinProgress; onCancel: () => void }) {
  if (stage === "done") {
    return (
      <section class="card summary" role="status" data-testid="link-done">
        <h2>
          <Icon name="check" /> This device is linked
        </h2>
        <p>What you write on one of your devices is on the others a moment later.</p>
        <div class="drop-buttons">
          <Button kind="primary" data-testid="link-notes" onClick={() => go("#/")}>
            Show notes
          </Button>
          <Button onClick={() => go("#/devices")}>Show my devices</Button>
        </div>
      </section>
    );
  }
  const at = STAGES.findIndex((step) => step.stage === stage);
  return (
    <section class="card" aria-labelledby="joining-head" data-testid="link-progress" data-stage={stage} data-done={documentsDone} data-total={documentsTotal}>
      <h2 id="joining-head" class="visually-hidden">
        How far it is
      </h2>
      <ol class="stages">
        {STAGES.map((step, index) => (
          <li key={step.stage} data-state={index < at ? "done" : index === at ? "now" : "later"} aria-current={index === at ? "step" : undefined}>
            <Icon name={index < at ? "check" : index === at ? "clock" : "minus"} size={18} />
            <span>{step.text}</span>
          </li>
        ))}
      </ol>
      <span class="visually-hidden" role="status">
        {STAGES[at]?.text}
      </span>
      {stage === "documents" && <Meter testId="link-meter" label={documentsTotal > 0 ? `${documentsDone.toLocaleString()} of ${documentsTotal.toLocaleString()} notes` : "Looking what there is"} done={documentsDone} total={documentsTotal} />}
      <div class="card-buttons">
        <Button data-testid="link-cancel" onClick={onCancel}>
          {at < 2 ? "Cancel" : "Go on in the background"}
        </Button>
      </div>
    </section>
  );
}
