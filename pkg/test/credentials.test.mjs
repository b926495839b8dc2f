// avatar.credentials in Node, with the WebAssembly that is shipped.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createAvatar } from "../dist/node.js";

async function started(t, options = {}) {
  const avatar = await createAvatar(options);
  t.after(() => avatar.close());
  return avatar;
}

const statement = (subject) => ({ name: "Member", credentialSubject: { id: subject, since: "2019", boats: ["Ada", "Grüße"] } });
const failed = ({ checks }) => checks.filter(({ outcome }) => outcome === "failed").map(({ id }) => id);

describe("a credential", () => {
  for (const securing of [undefined, "eddsa-jcs-2022", "eddsa-rdfc-2022", "jose"]) {
    test(`that is issued (${securing ?? "as the default has it"}) verifies anywhere, and not when it is changed`, async (t) => {
      const [issuer, other] = [await started(t), await started(t)];
      const credential = securing === "eddsa-rdfc-2022" ? { credentialSubject: { id: other.did } } : statement(other.did);
      const issued = await issuer.credentials.issue(credential, securing === undefined ? {} : { securing });
      assert.equal(typeof issued, securing === "jose" ? "string" : "object");
      if (securing !== "jose") assert.equal(issued.proof.cryptosuite, securing ?? "eddsa-jcs-2022");
      const report = await other.credentials.verify(issued);
      assert.ok(report.verified, JSON.stringify(report));
      assert.deepEqual([report.issuer, report.holder, failed(report)], [issuer.did, undefined, []]);
      for (const check of report.checks) {
        assert.ok(check.id !== "" && check.subject !== "" && ["passed", "not-checked"].includes(check.outcome), JSON.stringify(check));
      }
      const [header, payload, signature] = securing === "jose" ? issued.split(".") : [];
      const changed = securing === "jose" ? `${header}.${Buffer.from(Buffer.from(payload, "base64url").toString().replace("2019", "2018")).toString("base64url")}.${signature}` : { ...issued, credentialSubject: { ...issued.credentialSubject, id: issuer.did } };
      const bad = await other.credentials.verify(changed);
      assert.ok(!bad.verified);
      assert.deepEqual(failed(bad), ["signature"]);
    });
  }

  test("may be given as an object or as text", async (t) => {
    const { credentials, did } = await started(t);
    const issued = await credentials.issue(statement(did));
    assert.ok((await credentials.verify(JSON.stringify(issued, undefined, 1))).verified);
    assert.ok(!(await credentials.verify("hello")).verified);
    assert.ok(!(await credentials.verify({})).verified);
    await assert.rejects(credentials.issue(5), { code: "INVALID_ARGUMENT" });
    await assert.rejects(credentials.issue({}), { code: "INVALID_ARGUMENT" });
  });

  test("that is kept is listed, and forgotten when asked", async (t) => {
    const { credentials, did } = await started(t);
    const issued = await credentials.issue(statement(did), { keep: true });
    const token = await credentials.issue(statement(did), { securing: "jose" });
    const kept = await credentials.keep(token);
    assert.deepEqual([kept.document, kept.issued, kept.revoked], [token, false, false]);
    const list = await credentials.list();
    assert.deepEqual(new Set(list.map(({ issued, document }) => [issued, document].map((each) => JSON.stringify(each)).join())), new Set([`true,${JSON.stringify(issued)}`, `false,${JSON.stringify(token)}`]));
    assert.ok(list.every(({ keptAt }) => Math.abs(keptAt - Date.now()) < 60_000));
    await credentials.forget(kept.id);
    await credentials.forget(kept.id);
    assert.deepEqual((await credentials.list()).map(({ issued: own }) => own), [true]);
    await assert.rejects(credentials.keep("hello"), { code: "INVALID_ARGUMENT" });
  });

  test("with a place in a status list is revoked by its issuer alone, and then verifies nowhere", async (t) => {
    const [issuer, verifier] = [await started(t), await started(t)];
    const url = "https://club.example/status/1";
    const issued = await issuer.credentials.issue(statement(verifier.did), { statusListUrl: url });
    const before = await issuer.credentials.statusList(url);
    assert.ok((await verifier.credentials.verify(issued, { statusLists: [before] })).verified);
    const [kept] = await issuer.credentials.list();
    const after = await issuer.credentials.revoke(kept.id);
    const report = await verifier.credentials.verify(issued, { statusLists: [after] });
    assert.ok(!report.verified);
    assert.deepEqual(failed(report), ["status"]);
    assert.ok((await issuer.credentials.list())[0].revoked);
    const held = await verifier.credentials.keep(issued);
    await assert.rejects(verifier.credentials.revoke(held.id));
    await assert.rejects(verifier.credentials.statusList(url), { code: "NOT_FOUND" });
    // Nobody is asked, so nobody says that it was not revoked.
    const offline = await verifier.credentials.verify(issued, { offline: true });
    assert.ok(!offline.verified && failed(offline).length === 0);
    assert.ok(offline.checks.some(({ id, outcome }) => id === "status" && outcome === "not-checked"));
  });
});

describe("a presentation", () => {
  test("answers a request, once", async (t) => {
    const [issuer, holder, verifier] = [await started(t), await started(t), await started(t)];
    const issued = await issuer.credentials.issue(statement(holder.did));
    const kept = await holder.credentials.keep(issued);
    for (const [what, securing] of [[kept.id], [[kept.id, issued]], [issued, "jose"]]) {
      const { request, challenge } = await verifier.credentials.request({ types: ["Membership"], domain: "verifier.example", reason: "To see" });
      assert.equal(request.challenge, challenge);
      const presentation = await holder.credentials.present(what, { challenge, domain: "verifier.example", ...(securing ? { securing } : {}) });
      const asked = { challenge, domain: "verifier.example" };
      assert.ok(!(await verifier.credentials.verify(presentation, { ...asked, domain: "somebody.else" })).verified);
      const report = await verifier.credentials.verify(presentation, asked);
      assert.ok(report.verified, JSON.stringify(report));
      assert.equal(report.holder, holder.did);
      assert.ok(!(await verifier.credentials.verify(presentation, asked)).verified, "a second time");
      const other = await verifier.credentials.request({ domain: "verifier.example" });
      assert.ok(!(await verifier.credentials.verify(presentation, { challenge: other.challenge, domain: "verifier.example" })).verified, "for another request");
    }
    await assert.rejects(holder.credentials.present("00000000000000000000000000", { challenge: "c", domain: "d" }), { code: "NOT_FOUND" });
  });
});

test("a DID is resolved to its document", async (t) => {
  const { credentials, did } = await started(t);
  const document = await credentials.resolve(did);
  assert.equal(document.id, did);
  assert.equal(document.verificationMethod.length >= 1, true);
  await assert.rejects(credentials.resolve("did:web:localhost"));
  await assert.rejects(credentials.resolve("hello"));
});
