// @digitalbazaar/vc with its suites, as its documentation shows them. It runs in the page; everything it asks its document loader for is at hand.
import { contexts as credentialContexts } from "@digitalbazaar/credentials-context";
import { DataIntegrityProof } from "@digitalbazaar/data-integrity";
import { contexts as proofContexts } from "@digitalbazaar/data-integrity-context";
import * as Ed25519Multikey from "@digitalbazaar/ed25519-multikey";
import * as jcs from "@digitalbazaar/eddsa-jcs-2022-cryptosuite";
import { cryptosuite as rdfc } from "@digitalbazaar/eddsa-rdfc-2022-cryptosuite";
import * as vc from "@digitalbazaar/vc";
import { rates } from "./credentials.js";

const SUITES = {
  "eddsa-jcs-2022": { sign: jcs.createSignCryptosuite(), verify: jcs.createVerifyCryptosuite() },
  "eddsa-rdfc-2022": { sign: rdfc, verify: rdfc },
};

/** A did:key of this page, and its documents: the controller's, and its key's. */
async function newIssuer() {
  const keyPair = await Ed25519Multikey.generate();
  const did = `did:key:${keyPair.publicKeyMultibase}`;
  Object.assign(keyPair, { controller: did, id: `${did}#${keyPair.publicKeyMultibase}` });
  const method = await keyPair.export({ publicKey: true });
  const controller = { "@context": ["https://www.w3.org/ns/did/v1", method["@context"]], id: did, verificationMethod: [method], assertionMethod: [method.id] };
  return { did, signer: keyPair.signer(), documents: [[did, controller], [method.id, method]] };
}

globalThis.contestant = {
  async credentials({ securing, ...times }) {
    const { did, signer, documents } = await newIssuer();
    const known = new Map([...credentialContexts, ...proofContexts, ...documents]);
    const documentLoader = async (url) => {
      if (!known.has(url)) throw new Error(`not at hand: ${url}`);
      return { contextUrl: null, documentUrl: url, document: known.get(url), tag: "static" };
    };
    const { sign, verify } = SUITES[securing];
    return rates(did, times, {
      issue: (credential) => vc.issue({ credential, suite: new DataIntegrityProof({ signer, cryptosuite: sign }), documentLoader }),
      verify: async (credential) => (await vc.verifyCredential({ credential, suite: new DataIntegrityProof({ cryptosuite: verify }), documentLoader })).verified,
    });
  },
};
