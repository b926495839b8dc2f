// What is issued here verifies with @digitalbazaar/vc and with jose, and theirs here; linked data comes out the same as with jsonld.
//
//   node interop.mjs <the built example "interop">
//
// Needs, wherever Node finds packages: @digitalbazaar/vc 7, @digitalbazaar/data-integrity 2, @digitalbazaar/did-method-key 5, @digitalbazaar/ed25519-multikey 1,
// @digitalbazaar/eddsa-jcs-2022-cryptosuite 1, @digitalbazaar/eddsa-rdfc-2022-cryptosuite 1, jsonld 9, jose 6.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import test, { after } from "node:test";
import * as vc from "@digitalbazaar/vc";
import { DataIntegrityProof } from "@digitalbazaar/data-integrity";
import * as DidKey from "@digitalbazaar/did-method-key";
import * as Ed25519Multikey from "@digitalbazaar/ed25519-multikey";
import { cryptosuite as rdfc } from "@digitalbazaar/eddsa-rdfc-2022-cryptosuite";
import * as jcsSuite from "@digitalbazaar/eddsa-jcs-2022-cryptosuite";
import * as jose from "jose";
import jsonld from "jsonld";

const EMBEDDED = path.join(import.meta.dirname, "../../contexts");
const CONTEXTS = new Map(
  Object.entries({
    "https://www.w3.org/ns/credentials/v2": "credentials-v2",
    "https://www.w3.org/ns/credentials/examples/v2": "credentials-examples-v2",
    "https://w3id.org/security/data-integrity/v2": "data-integrity-v2",
    "https://w3id.org/security/multikey/v1": "multikey-v1",
    "https://www.w3.org/ns/did/v1": "did-v1",
    "https://www.w3.org/2018/credentials/v1": "credentials-v1",
  }).map(([url, name]) => [url, JSON.parse(readFileSync(path.join(EMBEDDED, `${name}.jsonld`), "utf8"))]),
);

const driver = DidKey.driver();
driver.use({ multibaseMultikeyHeader: "z6Mk", fromMultibase: Ed25519Multikey.from });

async function documentLoader(url) {
  if (CONTEXTS.has(url)) return { contextUrl: null, documentUrl: url, document: CONTEXTS.get(url) };
  if (url.startsWith("did:key:")) return { contextUrl: null, documentUrl: url, document: await driver.get({ url }) };
  throw new Error(`not loaded: ${url}`);
}

const program = spawn(process.argv[2], { stdio: ["pipe", "pipe", "inherit"] });
const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
after(() => program.stdin.end());

/** One command, one answer. */
async function ours(command) {
  program.stdin.write(`${JSON.stringify(command)}\n`);
  const { ok, error } = JSON.parse((await lines.next()).value);
  if (error !== undefined) throw new Error(error);
  return ok;
}

const keyPair = await Ed25519Multikey.generate();
const did = `did:key:${keyPair.publicKeyMultibase}`;
keyPair.controller = did;
keyPair.id = `${did}#${keyPair.publicKeyMultibase}`;

const SUITES = {
  "eddsa-rdfc-2022": { create: rdfc, verify: rdfc },
  "eddsa-jcs-2022": {
    create: jcsSuite.createSignCryptosuite?.() ?? jcsSuite.cryptosuite,
    verify: jcsSuite.createVerifyCryptosuite?.() ?? jcsSuite.cryptosuite,
  },
};

const CREDENTIAL = {
  "@context": ["https://www.w3.org/ns/credentials/v2", "https://www.w3.org/ns/credentials/examples/v2"],
  id: "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
  type: ["VerifiableCredential", "AlumniCredential"],
  name: "Zeugnis – “Ünïcödé” 😀\u2028",
  validFrom: "2026-01-01T00:00:00Z",
  credentialSubject: { id: "did:example:abcdefgh", alumniOf: "Tab\there, quote \" and \\ backslash\n", points: 4.5, count: 12, yes: true, empty: "" },
};

for (const [name, suite] of Object.entries(SUITES)) {
  test(`${name}: what is issued here verifies there`, async () => {
    const credential = JSON.parse(await ours({ do: "issue", format: name, document: CREDENTIAL }));
    const result = await vc.verifyCredential({ credential, suite: new DataIntegrityProof({ cryptosuite: suite.verify }), documentLoader });
    assert.ok(result.verified, JSON.stringify(result.error?.errors?.map(String) ?? result, null, 1));
    credential.credentialSubject.alumniOf += "!";
    const changed = await vc.verifyCredential({ credential, suite: new DataIntegrityProof({ cryptosuite: suite.verify }), documentLoader });
    assert.ok(!changed.verified);
  });

  test(`${name}: what is issued there verifies here`, async () => {
    const proof = new DataIntegrityProof({ signer: keyPair.signer(), cryptosuite: suite.create });
    const credential = await vc.issue({ credential: { ...structuredClone(CREDENTIAL), issuer: did }, suite: proof, documentLoader });
    const report = await ours({ do: "verify", text: JSON.stringify(credential) });
    assert.deepEqual(report, { verified: true, failures: [] });
    credential.credentialSubject.alumniOf += "!";
    assert.ok(!(await ours({ do: "verify", text: JSON.stringify(credential) })).verified);
  });

  test(`${name}: presentations for a challenge verify on both sides`, async () => {
    const text = await ours({ do: "issue", format: name, document: CREDENTIAL });
    const audience = { challenge: "c0ffee", domain: "shop.example" };
    const presentation = JSON.parse(await ours({ do: "present", format: name, credentials: [text], ...audience }));
    const there = await vc.verify({ presentation, ...audience, suite: new DataIntegrityProof({ cryptosuite: suite.verify }), documentLoader });
    assert.ok(there.verified, JSON.stringify(there.error?.errors?.map(String) ?? there, null, 1));

    const proof = new DataIntegrityProof({ signer: keyPair.signer(), cryptosuite: suite.create });
    const made = vc.createPresentation({ verifiableCredential: [JSON.parse(text)], holder: did, id: "urn:uuid:1", version: 2 });
    const signed = await vc.signPresentation({ presentation: made, suite: proof, ...audience, documentLoader });
    const command = { do: "verify-presentation", text: JSON.stringify(signed) };
    assert.deepEqual(await ours({ ...command, ...audience }), { verified: true, failures: [] });
    assert.ok(!(await ours({ ...command, ...audience, challenge: "another" })).verified);
  });
}

test("tokens verify with jose, and those of jose here", async () => {
  const token = await ours({ do: "issue", format: "token", document: CREDENTIAL });
  const { kid } = jose.decodeProtectedHeader(token);
  const bytes = (await Ed25519Multikey.from({ type: "Multikey", controller: kid.split("#")[0], id: kid, publicKeyMultibase: kid.split("#")[1] })).publicKeyMultibase;
  const { publicKey } = await (await Ed25519Multikey.from({ publicKeyMultibase: bytes, type: "Multikey" })).export({ publicKey: true, raw: true });
  const key = await jose.importJWK({ kty: "OKP", crv: "Ed25519", x: jose.base64url.encode(publicKey) }, "EdDSA");
  const { payload } = await jose.compactVerify(token, key, { algorithms: ["EdDSA"] });
  assert.equal(JSON.parse(new TextDecoder().decode(payload)).name, CREDENTIAL.name);

  const pair = await jose.generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  const { x } = await jose.exportJWK(pair.publicKey);
  const jwk = { kty: "OKP", crv: "Ed25519", x };
  const issuer = `did:jwk:${jose.base64url.encode(JSON.stringify(jwk))}`;
  const signed = await new jose.CompactSign(new TextEncoder().encode(JSON.stringify({ ...CREDENTIAL, issuer })))
    .setProtectedHeader({ alg: "EdDSA", typ: "vc+jwt", cty: "vc", kid: `${issuer}#0` })
    .sign(pair.privateKey);
  assert.deepEqual(await ours({ do: "verify", text: signed }), { verified: true, failures: [] });
});

test("linked data comes out the same as with jsonld, or is refused by both", async () => {
  const more = [
    { "@context": "https://www.w3.org/ns/credentials/v2", id: "urn:1", type: "VerifiableCredential", credentialSubject: [{ name: "a" }, { name: "b" }] },
    { "@context": ["https://www.w3.org/ns/credentials/v2", { x: { "@id": "urn:x", "@container": "@list" } }], id: "urn:1", x: [1, "2", [true, 1e21, 0.1]] },
    { "@context": { x: { "@id": "urn:x", "@type": "@json" } }, "@id": "urn:1", x: { b: [1, null, "\u0007\u007f"], a: 1e30 } },
    { "@context": { x: { "@id": "urn:x", "@language": "de", "@direction": "rtl" }, y: "urn:y" }, "@id": "urn:1", x: "ä", y: { "@value": "\b\f\t", "@language": "en" } },
    { "@context": { x: "urn:x" }, "@id": "urn:1", x: "a", undefined: "b" },
    { "@context": { x: { "@id": "urn:x", "@type": "@id" } }, "@id": "urn:1", x: "relative" },
    { "@context": { x: "urn:x" }, "@type": "relative", x: "a" },
    { "@context": { "@vocab": "urn:v#", g: { "@id": "urn:g", "@container": ["@graph", "@id"] } }, "@id": "urn:1", g: { "urn:2": { p: { q: "r" } } } },
    { "@context": ["https://www.w3.org/ns/credentials/v2", { issuer: "urn:other" }], type: "VerifiableCredential", issuer: "urn:1" },
    { "@context": { "@vocab": "urn:v#" }, a: { b: { c: {} } } },
    { "@context": { "@vocab": "urn:v#" }, "@id": "urn:1", a: [{ "@id": "_:x", b: { "@id": "_:y" } }, { "@id": "_:y", b: { "@id": "_:x" } }] },
    { "@context": { "@vocab": "urn:v#" }, "@id": "urn:1", a: null, "@index": "x" },
    { "@context": { "@vocab": "urn:v#" }, "@id": "urn:1", a: { "@value": null } },
    { "@context": { "@vocab": "urn:v#" }, "@id": "urn:1", a: { "@set": [] }, b: [] },
    { "@context": { "@vocab": "urn:v#", "@language": "de-AT" }, "@id": "urn:1", a: "x", b: { "@value": "y", "@language": "EN" } },
    { "@context": { g: { "@id": "urn:g", "@container": "@graph" } }, "@id": "urn:1", g: 1.5 },
  ];
  for (const document of [CREDENTIAL, ...more]) {
    const theirs = await jsonld
      .canonize(document, { algorithm: "RDFC-1.0", format: "application/n-quads", safe: true, base: null, rdfDirection: "i18n-datatype", canonizeOptions: { maxWorkFactor: 3 }, documentLoader })
      .catch(() => undefined);
    const mine = await ours({ do: "canonicalize", document }).catch(() => undefined);
    assert.equal(mine, theirs, JSON.stringify(document));
  }
});

test("numbers and strings are canonical as ECMAScript has them", async () => {
  const bits = new DataView(new ArrayBuffer(8));
  const numbers = [0, -0, 1e21, 1e-7, 5e-324, 2 ** 53, 1424953923781206.25, 0.1 + 0.2];
  for (let at = 0; at < 5000; at++) {
    bits.setUint32(0, Math.random() * 2 ** 32);
    bits.setUint32(4, Math.random() * 2 ** 32);
    if (Number.isFinite(bits.getFloat64(0))) numbers.push(bits.getFloat64(0), Math.round(bits.getFloat64(0) % 1e6) / 64, (bits.getUint32(0) * 2 ** 21 + bits.getUint32(4) / 2 ** 11) / 4);
  }
  for (let at = 0; at < numbers.length; at += 500) {
    const document = numbers.slice(at, at + 500);
    assert.equal(await ours({ do: "jcs", document }), JSON.stringify(document));
  }
});
