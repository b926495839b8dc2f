import type { VerificationCheck, VerificationReport } from "@dao/avatar";
import { nameOf } from "./credential-card";
import { Icon, type IconName } from "../../ui/icons";
import { sentence } from "../../ui/sentence";
import { shownDetail, titleOfCheck } from "../../wallet/checks";

const OUTCOMES: Readonly<Record<VerificationCheck["outcome"], { icon: IconName; label: string }>> = {
  passed: { icon: "check", label: "Passed" },
  failed: { icon: "close", label: "Failed" },
  "not-checked": { icon: "minus", label: "Not checked" },
};

/** A verification, check by check. */
export function Report({ report }: { report: VerificationReport }) {
  const failed = report.checks.filter(({ outcome }) => outcome === "failed").length;
  const open = report.checks.filter(({ outcome }) => outcome === "not-checked").length;
  const verdict = report.verified ? "holds" : failed > 0 ? "fails" : "open";
  const subjects = [...new Set(report.checks.map(({ subject }) => subject))];
  return (
    <section class="card report" role="status" data-testid="report" data-verified={report.verified} data-failed={failed} data-open={open} aria-labelledby="report-head">
      <header class={`verdict verdict-${verdict}`}>
        <Icon name={verdict === "holds" ? "shield" : verdict === "fails" ? "alert" : "info"} size={32} />
        <div>
          <h2 id="report-head">{verdict === "holds" ? "It holds" : verdict === "fails" ? "It does not hold" : "Not all could be checked"}</h2>
          <p>{verdict === "holds" ? wordsOfWhom(report) : verdict === "fails" ? "Do not rely on it. What failed comes first." : "Nothing is wrong with what was looked at. Some checks need the network, or something that was not at hand."}</p>
        </div>
      </header>
      {subjects.map((subject) => (
        <div key={subject} class="checks-of">
          {subjects.length > 1 && <h3 class="small-head">{sentence(subject === "" ? "the document" : subject)}</h3>}
          <ul class="checks">
            {report.checks
              .filter((check) => check.subject === subject)
              // What failed is what one looks for.
              .sort((a, b) => Number(b.outcome === "failed") - Number(a.outcome === "failed"))
              .map((check) => (
                <li key={check.id + check.detail} class={`check-${check.outcome}`} data-testid="check" data-check={check.id} data-outcome={check.outcome} data-subject={check.subject}>
                  <Icon name={OUTCOMES[check.outcome].icon} size={18} />
                  <div>
                    <strong>
                      {titleOfCheck(check.id)}
                      <span class="check-outcome">{OUTCOMES[check.outcome].label}</span>
                    </strong>
                    {check.detail !== "" && <p dir="auto" title={check.detail}>{shownDetail(check.detail)}</p>}
                  </div>
                </li>
              ))}
          </ul>
        </div>
      ))}
    </section>
  );
}

function wordsOfWhom({ issuer, holder }: VerificationReport): string {
  const from = issuer === "" ? "" : `It is from ${nameOf({ id: issuer, name: "" })}`;
  const by = holder === undefined ? "" : `shown by ${nameOf({ id: holder, name: "" })}`;
  const words = [from, by].filter(Boolean).join(", ");
  return words === "" ? "Every check passed." : `${sentence(words)}, and every check passed. Whether you trust them is for you to say.`;
}
