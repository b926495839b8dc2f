import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeQR } from "qr/decode.js";
import { encode } from "uqr";
import fc from "fast-check";
import { sentence } from "../src/ui/sentence";
import { shownDetail, titleOfCheck } from "../src/wallet/checks";
import { describedClaims } from "../src/wallet/claims";
import { answers, credentialFacts, kindOf, needsNetwork, presentedCredentials, presentedFor, requestFacts, validityOf, type CredentialFacts } from "../src/wallet/document";
import { isCredentialId } from "../src/wallet/id";
import { wordsOf } from "../src/wallet/json";
import { statementOf } from "../src/wallet/statement";

const degree = {
  "@context": ["https://www.w3.org/ns/credentials/v2"],
  type: ["VerifiableCredential", "UniversityDegree"],
  name: "Bachelor of Science",
  issuer: { id: "did:web:uni.example", name: "The University" },
  validFrom: "2026-01-01T00:00:00Z",
  validUntil: "2027-01-01T00:00:00Z",
  credentialSubject: { id: "did:key:zAda", givenName: "Ada", degree: { name: "BSc", grades: [1, 2] }, honours: true },
};
const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const jose = (payload: unknown): string => `${base64url({ alg: "EdDSA" })}.${base64url(payload)}.c2ln`;

describe("what a document says", () => {
  test("is read from JSON, from text, and from compact JOSE alike", () => {
    const facts = credentialFacts(degree) as CredentialFacts;
    assert.deepEqual([facts.title, facts.types, facts.issuer, facts.subjects], ["Bachelor of Science", ["UniversityDegree"], { id: "did:web:uni.example", name: "The University" }, ["did:key:zAda"]]);
    assert.deepEqual(facts.claims, [
      { name: "Given name", value: "Ada" },
      { name: "Degree · Name", value: "BSc" },
      { name: "Degree · Grades", value: "1, 2" },
      { name: "Honours", value: "Yes" },
    ]);
    assert.deepEqual(credentialFacts(JSON.stringify(degree)), facts);
    assert.deepEqual(credentialFacts(` ${jose(degree)}\n`), facts);
    assert.deepEqual(credentialFacts({ type: "EnvelopedVerifiableCredential", id: `data:application/vc+jwt,${jose(degree)}` }), facts);
  });

  test("tells a credential, a presentation, a request and a DID apart", () => {
    const presentation = { type: "VerifiablePresentation", verifiableCredential: [degree, jose(degree)], proof: { challenge: "c", domain: "d" } };
    assert.deepEqual(
      [degree, presentation, jose({ ...presentation, proof: undefined }), { type: "VerifiablePresentationRequest", challenge: "c" }, "did:key:z6Mk", "hello", "{", "[]", "a.b.c", ""].map(kindOf),
      ["credential", "presentation", "presentation", "request", "did", "unknown", "unknown", "unknown", "unknown", "unknown"],
    );
    assert.deepEqual(presentedCredentials(presentation).map(({ title }) => title), ["Bachelor of Science", "Bachelor of Science"]);
    assert.deepEqual(presentedFor(presentation), { challenge: "c", domain: "d" });
    assert.deepEqual(presentedFor(jose({ type: "VerifiablePresentation", nonce: "n", aud: "a" })), { challenge: "n", domain: "a" });
  });

  test("by its dates it is early, in force, or expired", () => {
    const facts = credentialFacts(degree) as CredentialFacts;
    assert.deepEqual(["2025-12-31", "2026-06-01", "2027-01-02"].map((day) => validityOf(facts, new Date(day))), ["early", "valid", "expired"]);
    assert.ok(needsNetwork(facts), "the issuer's keys are at a web address");
    assert.ok(!needsNetwork({ issuer: { id: "did:key:z6Mk", name: "" }, revocable: false }));
    assert.equal(validityOf({ validFrom: undefined, validUntil: undefined }), "valid");
  });

  test("whatever comes from outside is read without harm", () => {
    const any = fc.jsonValue();
    fc.assert(
      fc.property(fc.record({ type: fc.oneof(fc.constant("VerifiableCredential"), any), name: any, issuer: any, validFrom: any, credentialSubject: any, verifiableCredential: any, proof: any, query: any, challenge: any, domain: any }), (document) => {
        credentialFacts(document);
        presentedCredentials(document);
        presentedFor(document);
        requestFacts(document);
        kindOf(document);
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => void [kindOf(text), credentialFacts(text), requestFacts(text)]));
  });

  test("many claims are cut, deep ones are shown as they are", () => {
    assert.equal(describedClaims(Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`a${n}`, n]))).length, 200);
    const [deep] = describedClaims({ a: { b: { c: { d: { e: 1 } } } } });
    assert.deepEqual(deep, { name: "A · B · C · D", value: '{"e":1}' });
    assert.equal(describedClaims({ a: "x".repeat(10_000) })[0]?.value.length, 2_001);
  });
});

describe("a request", () => {
  const query = { type: "QueryByExample", credentialQuery: { reason: "To let you in", example: { type: ["VerifiableCredential", "Membership"] } } };
  test("says who asks, for what, and why", () => {
    assert.deepEqual(requestFacts({ type: "VerifiablePresentationRequest", challenge: "c", domain: "club.example", query: [query] }), { challenge: "c", domain: "club.example", reason: "To let you in", kinds: [["Membership"]] });
    assert.deepEqual(requestFacts(JSON.stringify({ challenge: "c", domain: "d", types: ["A"], reason: "r" })), { challenge: "c", domain: "d", reason: "r", kinds: [["A"]] });
  });

  test("without a challenge or a domain is none", () => {
    assert.equal(requestFacts({ type: "VerifiablePresentationRequest", domain: "d" }), undefined);
    assert.equal(requestFacts({ type: "VerifiablePresentationRequest", challenge: "c" }), undefined);
  });

  test("is answered by cards of one of the kinds that it names", () => {
    const facts = credentialFacts(degree) as CredentialFacts;
    const wants = (...kinds: string[][]) => ({ challenge: "c", domain: "d", reason: "", kinds });
    assert.deepEqual([wants(), wants(["UniversityDegree"]), wants(["Other"], ["UniversityDegree"]), wants(["Other"]), wants(["UniversityDegree", "Other"])].map((request) => answers(request, facts)), [true, true, true, false, false]);
  });
});

describe("a statement", () => {
  const filled = { name: "Member", subject: "did:key:zAda", lines: [{ name: "Member since", value: "2019" }], until: "" };
  test("becomes a credential", () => {
    assert.deepEqual(statementOf(filled), { credential: { type: ["VerifiableCredential"], name: "Member", credentialSubject: { id: "did:key:zAda", memberSince: "2019" } } });
    const dated = statementOf({ ...filled, until: "2027-03-01" });
    assert.match(("credential" in dated && String(dated.credential["validUntil"])) || "", /^2027-03-0[12]T\d\d:\d\d:59Z$/);
  });

  test("that is not complete says what is missing", () => {
    const line = (name: string, value: string) => ({ name, value });
    for (const part of [{ name: " " }, { subject: "Ada" }, { lines: [] }, { lines: [line("", "")] }, { lines: [line("a", "")] }, { lines: [line("a b", "1"), line("A b", "2")] }, { lines: [line("id", "x")] }, { lines: [line("__proto__", "x"), line("constructor", "x")] }, { until: "no day" }]) {
      assert.ok("problem" in statementOf({ ...filled, ...part }), JSON.stringify(part));
    }
  });
});

describe("words", () => {
  test("of names that programs have", () => {
    assert.deepEqual(["UniversityDegree", "memberSince", "https://example.org/terms#ageOver", "VCType", "snake_case-name"].map(wordsOf), ["University degree", "Member since", "Age over", "VC type", "Snake case name"]);
    assert.equal(titleOfCheck("signature"), "The signature fits, letter by letter");
    assert.equal(titleOfCheck("something-new"), "Something new");
    assert.deepEqual(["it was locked", "eddsa-jcs-2022", "did:web:a.example", ""].map(sentence), ["It was locked", "eddsa-jcs-2022", "did:web:a.example", ""]);
  });

  test("what a check found is shown with DIDs in short and moments as dates", () => {
    const did = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
    assert.equal(shownDetail(`${did}#z6MkhaXg`), "did:key:z6MkhaXg…ta2doK");
    assert.equal(shownDetail("the key of did:web:a.example"), "The key of did:web:a.example");
    assert.match(shownDetail("made 2026-11-26T07:41:08Z"), /^Made .*2026/);
    assert.equal(shownDetail("2026-99-99T99:99:99Z"), "2026-99-99T99:99:99Z");
  });

  test("a card's address is told from a task's", () => {
    assert.deepEqual(["01hv3k2m4n5p6q7r8s9t0v1w2x", "present", "add"].map(isCredentialId), [true, false, false]);
  });
});

/** A code as a picture: black on white, some pixels a module. */
function picture(text: string, scale: number) {
  const { data, size } = encode(text, { ecc: "L", border: 4 });
  const side = size * scale;
  const pixels = new Uint8ClampedArray(side * side * 4).fill(255);
  for (let y = 0; y < side; y++) for (let x = 0; x < side; x++) if (data[Math.floor(y / scale)]?.[Math.floor(x / scale)]) pixels.fill(0, (y * side + x) * 4, (y * side + x) * 4 + 3);
  return { width: side, height: side, data: pixels };
}

describe("QR codes", () => {
  test("that are shown can be read, also large ones", () => {
    for (const text of ["did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", JSON.stringify({ ...degree, proof: "z".repeat(600) }), "Grüße 𝄞 ".repeat(40)]) assert.equal(decodeQR(picture(text, 4)), text);
  });
});
