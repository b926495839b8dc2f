// What both sides sign and verify, and how they are timed. Used by avatar.js and digitalbazaar.js.

/** Asked for before the first is answered: what a page does that shows a wallet, or a service with many callers. */
export const IN_FLIGHT = 100;

/** The nth credential, about 600 bytes. Every name has a meaning by the contexts, so linked data can be made of it. */
export function credential(n, issuer) {
  return {
    "@context": ["https://www.w3.org/ns/credentials/v2", "https://www.w3.org/ns/credentials/undefined-terms/v2"],
    id: `urn:uuid:58172aac-d8ba-11ed-83dd-${String(n).padStart(12, "0")}`,
    type: ["VerifiableCredential", "AlumniCredential"],
    issuer,
    validFrom: "2026-01-01T00:00:00Z",
    name: "Alumni credential",
    description: "A minimal example of an alumni credential",
    credentialSubject: { id: `did:example:subject-${n}`, givenName: "Ada", degree: { type: "BachelorDegree", name: "Bachelor of Science" }, since: "2019", courses: ["Analysis", "Mechanics"] },
  };
}

/**
 * How many a second `issue(credential)` and `verify(secured)` do, `IN_FLIGHT` at a time. The same credentials are issued and then verified. Both are warmed up first, for as long as
 * engines need to compile what is called often.
 */
export async function rates(issuer, { warmUpMs, measureMs }, { issue, verify }) {
  let made = 0;
  const batch = (input) => Promise.all(Array.from({ length: IN_FLIGHT }, (_, n) => input(n)));
  const issueBatch = () => batch(() => issue(credential(made++, issuer)));
  let issued = await issueBatch();
  const verifyBatch = async () => {
    const outcomes = await batch((n) => verify(issued[n]));
    if (!outcomes.every((verified) => verified === true)) throw new Error("a credential does not verify");
  };
  const keepOn = async (work, ms) => {
    const start = performance.now();
    let batches = 0;
    do {
      await work();
      batches++;
    } while (performance.now() - start < ms);
    return (batches * IN_FLIGHT * 1000) / (performance.now() - start);
  };
  await keepOn(async () => void (issued = await issueBatch()), warmUpMs);
  const issuedPerSecond = await keepOn(issueBatch, measureMs);
  await keepOn(verifyBatch, warmUpMs);
  const verifiedPerSecond = await keepOn(verifyBatch, measureMs);
  const [last] = issued;
  const changed = { ...last, credentialSubject: { ...last.credentialSubject, since: "2020" } };
  if (await verify(changed)) throw new Error("a changed credential verifies");
  return { issuedPerSecond, verifiedPerSecond };
}
