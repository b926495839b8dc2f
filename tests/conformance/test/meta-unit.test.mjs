// The same meta_unit.wasm, byte for byte, runs in every host of this repository behind the same adapter protocol.
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { RequestSchema, ResponseSchema } from "../../../pkg/dist/gen/dao/avatar/v1/request_pb.js";
import { PKG_DIST } from "../../e2e/lib/paths.mjs";
import { Adapter } from "../kit/adapter.mjs";
import { HOSTS, skipReason } from "../kit/hosts.mjs";

const META_UNIT = path.join(PKG_DIST, "meta_unit.wasm");
const DOCUMENT = Buffer.from("0123456789abcdef");
const SESSION = Buffer.from("fedcba9876543210");

/** Sends a Request and returns the response of its last answer. */
async function ask(adapter, name, value) {
  const { head } = await adapter.ask(toBinary(RequestSchema, create(RequestSchema, { request: { case: name, value } })));
  return fromBinary(ResponseSchema, head).response;
}

for (const host of HOSTS) {
  test(`${host.title} runs the Meta Unit: a document is made, found, and deleted`, { skip: skipReason(host) }, async () => {
    host.prepare?.();
    const adapter = new Adapter(host.command, { patienceMs: 30_000 });
    try {
      assert.deepEqual(await adapter.start(META_UNIT), { started: true });
      const content = { entries: [{ key: "title", value: { kind: { case: "string", value: "Hello" } } }] };
      const made = await ask(adapter, "docCreate", { documentId: DOCUMENT, session: SESSION, type: "note", content, detached: true });
      assert.notEqual(made.case, "error", made.value?.message);

      const status = await ask(adapter, "statusGet", {});
      assert.match(status.value.did, /^did:key:z6Mk/);
      assert.equal(status.value.documents, 1);
      const query = { type: "note", select: ["title"] };
      const found = await ask(adapter, "queryRun", { query });
      assert.equal(found.case, "queryRows", found.value?.message);
      assert.match(Buffer.from(toBinary(ResponseSchema, create(ResponseSchema, { response: found }))).toString("latin1"), /Hello/);

      assert.equal((await ask(adapter, "docDelete", { documentId: DOCUMENT })).case, "done");
      assert.equal((await ask(adapter, "statusGet", {})).value.documents, 0);
      await adapter.stop();
    } finally {
      await adapter.close();
    }
  });
}
