// What is written and read by hand is what the generated code writes and reads.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create, fromBinary, ScalarType, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { readHostBatch, writeCancelFrame, writeHostFrame, writeRequestFrame } from "../dist/channel/frames.js";
import * as messages from "../dist/channel/messages.js";
import { readResponse } from "../dist/channel/channel.js";
import * as credentialMessages from "../dist/credentials/messages.js";
import * as credentialRequests from "../dist/credentials/requests.js";
import * as identityMessages from "../dist/identity/messages.js";
import * as identityRequests from "../dist/identity/requests.js";
import * as peersMessages from "../dist/peers/messages.js";
import * as peersRequests from "../dist/peers/requests.js";
import { Reader, writeSint53, writeUint53, Writer } from "../dist/channel/wire.js";
import { encodeChange, encodeCreate, readDocEvent, readEdit, readValue, writeEdit, writeMap, writeValue } from "../dist/docs/codec.js";
import { BytesNode, CounterNode, DateNode, ListNode, MapNode, mapNodeOf, nodeOf } from "../dist/docs/nodes.js";
import { SnapshotBuilder } from "../dist/docs/pages.js";
import { Text } from "../dist/docs/text.js";
import { TextRun } from "../dist/docs/text_run.js";
import * as requests from "../dist/docs/requests.js";
import * as client from "../dist/gen/dao/avatar/v1/client_pb.js";
import * as docs from "../dist/gen/dao/avatar/v1/docs_pb.js";
import { QueryDeltaSchema, QueryRowsSchema, QuerySchema } from "../dist/gen/dao/avatar/v1/query_pb.js";
import * as credentials from "../dist/gen/dao/avatar/v1/credentials_pb.js";
import * as identity from "../dist/gen/dao/avatar/v1/identity_pb.js";
import * as peers from "../dist/gen/dao/avatar/v1/peers_pb.js";
import * as contract from "../dist/gen/dao/avatar/v1/request_pb.js";
import { EditSchema, MapValueSchema, ValueSchema } from "../dist/gen/dao/avatar/v1/value_pb.js";
import { idToString } from "../dist/ids.js";
import { readDelta, readRows } from "../dist/query/rows.js";
import { map, record, value } from "./arbitraries.mjs";

const { ClientBatchSchema, HostBatchSchema } = client;
const { DocEventSchema, SnapshotPageSchema } = docs;
const { RequestSchema, ResponseSchema } = contract;

/** The Value that the generated code would be given for a node. */
function valueInit(node) {
  const kind = (name, content) => ({ kind: { case: name, value: content } });
  if (node === null) return kind("null", true);
  if (typeof node === "boolean") return kind("bool", node);
  if (typeof node === "number") return Number.isSafeInteger(node) && !Object.is(node, -0) ? kind("int", BigInt(node)) : kind("double", node);
  if (node instanceof Text) return kind("string", node.toString());
  if (node instanceof BytesNode) return kind("bytes", node.bytes);
  if (node instanceof DateNode) return kind("timestampMs", BigInt(node.ms));
  if (node instanceof CounterNode) return kind("counter", BigInt(node.value));
  if (node instanceof ListNode) return kind("list", { items: node.items.map(valueInit) });
  return kind("map", mapInit(node));
}

function mapInit(node) {
  return { entries: [...node.entries].map(([key, each]) => ({ key, value: valueInit(each) })) };
}

function written(write) {
  const writer = new Writer();
  write(writer);
  return writer.finish();
}

function read(bytes, readOne) {
  return readOne(new Reader(bytes), bytes.length);
}

const step = fc.oneof(fc.string({ minLength: 1, maxLength: 5 }).map((text) => text.toWellFormed()), fc.nat());
const path = fc.array(step, { minLength: 1, maxLength: 4 });
const node = value.map((each) => nodeOf(each));
const splice = record({ index: fc.nat(), delete: fc.nat(), insert: fc.string({ unit: "grapheme", maxLength: 5 }) });
const edit = fc.oneof(
  record({ op: fc.constant("put"), path, value: node }),
  record({ op: fc.constant("delete"), path, count: fc.nat() }),
  record({ op: fc.constant("insert"), path, values: fc.array(node, { maxLength: 3 }) }),
  fc.tuple(path, splice).map(([at, each]) => ({ op: "splice", path: at, ...each })),
  record({ op: fc.constant("increment"), path, by: fc.integer() }),
);

const pathInit = (steps) => steps.map((each) => ({ step: typeof each === "string" ? { case: "key", value: each } : { case: "index", value: each } }));

function editInit(each) {
  const op = {
    put: () => ({ case: "put", value: valueInit(each.value) }),
    delete: () => ({ case: "delete", value: each.count }),
    insert: () => ({ case: "insert", value: { items: each.values.map(valueInit) } }),
    splice: () => ({ case: "text", value: { index: each.index, delete: each.delete, insert: each.insert } }),
    increment: () => ({ case: "increment", value: BigInt(each.by) }),
  }[each.op]();
  return { path: pathInit(each.path), op };
}

describe("by hand as generated", () => {
  test("numbers of 64 bits", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (number) => {
        assert.equal(new Reader(written((writer) => writeSint53(writer, number))).sint53(), number);
        const positive = Math.abs(number);
        assert.equal(new Reader(written((writer) => writeUint53(writer, positive))).uint53(), positive);
      }),
    );
  });

  test("values", () => {
    fc.assert(
      fc.property(node, (each) => {
        const bytes = written((writer) => writeValue(writer, each));
        assert.deepEqual(bytes, toBinary(ValueSchema, create(ValueSchema, valueInit(each))));
        assert.deepEqual(read(bytes, readValue), each);
      }),
    );
  });

  test("maps", () => {
    fc.assert(
      fc.property(map, (object) => {
        const each = mapNodeOf(object);
        assert.deepEqual(written((writer) => writeMap(writer, each)), toBinary(MapValueSchema, create(MapValueSchema, mapInit(each))));
      }),
    );
  });

  test("edits", () => {
    fc.assert(
      fc.property(edit, (each) => {
        const bytes = written((writer) => writeEdit(writer, each));
        assert.deepEqual(bytes, toBinary(EditSchema, create(EditSchema, editInit(each))));
        assert.deepEqual(read(bytes, readEdit), each);
      }),
    );
  });

  test("requests that create", () => {
    fc.assert(
      fc.property(map, fc.boolean(), (object, detached) => {
        const content = mapNodeOf(object);
        const ids = { documentId: new Uint8Array(16).fill(1), session: new Uint8Array(16).fill(2) };
        const message = create(RequestSchema, { request: { case: "docCreate", value: { ...ids, type: "note", content: mapInit(content), detached } } });
        assert.deepEqual(encodeCreate({ ...ids, type: "note", content, detached }), toBinary(RequestSchema, message));
      }),
    );
  });

  test("requests that change", () => {
    const common = { view: fc.integer({ min: 1 }), changeSeq: fc.integer({ min: 1 }), seenVersion: fc.nat(), message: fc.constantFrom("", "why") };
    fc.assert(
      fc.property(record({ ...common, body: fc.oneof(fc.array(edit, { minLength: 1, maxLength: 4 }), fc.constantFrom("undo", "redo")) }), (change) => {
        const body = typeof change.body === "string" ? { case: change.body, value: true } : { case: "edits", value: { edits: change.body.map(editInit) } };
        assert.deepEqual(encodeChange(change), toBinary(RequestSchema, changeMessage(change, body)));
      }),
    );
    fc.assert(
      fc.property(record({ ...common, path, splices: fc.array(splice, { minLength: 1 }) }), (change) => {
        const run = new TextRun(change.path);
        for (const each of change.splices) run.push(each.index, each.delete, each.insert);
        const value = { path: pathInit(change.path), indexes: run.indexes, deletes: run.deletes, insertLens: run.insertLens, inserted: run.inserted };
        assert.deepEqual(encodeChange({ ...change, body: run }), toBinary(RequestSchema, changeMessage(change, { case: "run", value })));
      }),
    );
  });

  test("events of a document", () => {
    const patched = record({ edits: fc.array(edit, { maxLength: 3 }), updatedMs: fc.maxSafeInteger() });
    const event = fc.oneof(
      record({ case: fc.constant("patched"), value: patched }),
      record({ case: fc.constant("ownApplied"), throughSeq: fc.nat(), effect: fc.option(patched, { nil: undefined }) }),
      fc.constant({ case: "deleted" }),
    );
    fc.assert(
      fc.property(record({ version: fc.nat(), event, canUndo: fc.boolean(), canRedo: fc.boolean() }), (expected) => {
        const patchedInit = ({ edits, updatedMs }) => ({ patches: edits.map(editInit), updatedMs: BigInt(updatedMs) });
        const { event: each } = expected;
        const init = {
          patched: () => ({ case: "patched", value: patchedInit(each.value) }),
          ownApplied: () => ({ case: "ownApplied", value: { throughSeq: BigInt(each.throughSeq), ...(each.effect && { effect: patchedInit(each.effect) }) } }),
          deleted: () => ({ case: "deleted", value: true }),
        }[each.case]();
        const bytes = toBinary(DocEventSchema, create(DocEventSchema, { ...expected, version: BigInt(expected.version), event: init }));
        assert.deepEqual(readDocEvent(bytes), expected);
      }),
    );
  });

  test("snapshots, however they are cut into pages", () => {
    const tokensOf = (each) => {
      const token = (name, content) => ({ token: { case: name, value: content } });
      if (each instanceof MapNode) return [token("beginMap", true), ...[...each.entries].flatMap(([key, inner]) => [token("key", key), ...tokensOf(inner)]), token("end", true)];
      if (each instanceof ListNode) return [token("beginList", true), ...each.items.flatMap(tokensOf), token("end", true)];
      if (each instanceof Text && each.length > 3) return [token("textPart", each.toString().slice(0, 2)), token("textPart", each.toString().slice(2)), token("textEnd", true)];
      return [token("scalar", valueInit(each))];
    };
    fc.assert(
      fc.property(map, fc.integer({ min: 1, max: 7 }), (object, size) => {
        const document = mapNodeOf(JSON.parse(JSON.stringify(object), (_, each) => (typeof each === "string" ? each.replace(/[^\x20-\x7e]/g, "") : each)));
        const tokens = tokensOf(document);
        const builder = new SnapshotBuilder();
        for (let at = 0; at < tokens.length; at += size) {
          builder.add(toBinary(SnapshotPageSchema, create(SnapshotPageSchema, { tokens: tokens.slice(at, at + size), last: at + size >= tokens.length })));
        }
        assert.ok(builder.complete);
        assert.deepEqual(builder.root.snapshot(), document.snapshot());
      }),
    );
  });

  test("rows and deltas", () => {
    const row = record({ documentId: fc.uint8Array({ minLength: 16, maxLength: 16 }), type: fc.string(), created: fc.date({ noInvalidDate: true }), updated: fc.date({ noInvalidDate: true }), fields: map, cut: fc.array(fc.string(), { maxLength: 2 }) });
    const rowInit = ({ documentId, type, created, updated, fields, cut }) => ({ documentId, type, createdMs: BigInt(created.getTime()), updatedMs: BigInt(updated.getTime()), fields: mapInit(mapNodeOf(fields)).entries, cut });
    const expectedOf = ({ documentId, type, created, updated, fields, cut }) => ({ id: idToString(documentId), type, createdAt: created, updatedAt: updated, value: mapNodeOf(fields).snapshot(), cut });
    const wellFormed = (each) => ({ ...each, type: each.type.toWellFormed(), cut: each.cut.map((name) => name.toWellFormed()) });
    fc.assert(
      fc.property(fc.array(row.map(wellFormed), { maxLength: 4 }), fc.nat(), fc.boolean(), (rows, total, last) => {
        const page = toBinary(QueryRowsSchema, create(QueryRowsSchema, { rows: rows.map(rowInit), total, last }));
        assert.deepEqual(readRows(page), { rows: rows.map(expectedOf), total, last });
        const delta = toBinary(QueryDeltaSchema, create(QueryDeltaSchema, { splices: [{ index: 3, delete: 1, insert: rows.map(rowInit) }], total }));
        assert.deepEqual(readDelta(delta), { splices: [{ index: 3, delete: 1, insert: rows.map(expectedOf) }], total });
      }),
      { numRuns: 50 },
    );
  });

  test("frames of both directions", () => {
    const request = new Uint8Array([1, 2, 3]);
    const bytes = written((writer) => {
      writeRequestFrame(writer, 300, request);
      writeCancelFrame(writer, 2 ** 40);
      writeHostFrame(writer, 7, { ask: "persisted", persisted: true });
      writeHostFrame(writer, 8, { ask: "persisted", persisted: false });
      writeHostFrame(writer, 9, { ask: "status" });
      writeHostFrame(writer, 10, { ask: "close" });
    });
    const { frames } = fromBinary(ClientBatchSchema, bytes);
    assert.deepEqual(
      frames.map(({ call, frame }) => [call, frame.case]),
      [[300n, "request"], [2n ** 40n, "cancel"], [7n, "host"], [8n, "host"], [9n, "host"], [10n, "host"]],
    );
    assert.deepEqual(frames[0].frame.value, request);
    assert.deepEqual(frames.slice(2).map(({ frame }) => [frame.value.request.case, frame.value.request.value.persisted]), [["persisted", true], ["persisted", false], ["status", undefined], ["close", undefined]]);
    // The generated code writes the same bytes.
    assert.deepEqual(toBinary(ClientBatchSchema, fromBinary(ClientBatchSchema, bytes)), bytes);

    const host = create(HostBatchSchema, {
      frames: [
        { call: 1n, more: true, frame: { case: "response", value: request }, body: 2 },
        { frame: { case: "event", value: request } },
        { call: 3n, frame: { case: "host", value: { response: { case: "done", value: {} } } } },
        { frame: { case: "ready", value: { did: "did:key:z" } } },
        { frame: { case: "failed", value: { error: { message: "no" } } } },
        { frame: { case: "restarted", value: { restarts: 2, reason: "trap" } } },
      ],
    });
    const read = readHostBatch(toBinary(HostBatchSchema, host));
    assert.deepEqual(read.map(({ call, more, frame, body }) => [BigInt(call), more, frame.case, body]), host.frames.map(({ call, more, frame, body }) => [call, more, frame.case, body]));
    assert.deepEqual(read[0].frame.value, request);
    assert.deepEqual(read.slice(2).map(({ frame }) => frame.value), [
      { done: {} },
      { did: "did:key:z", storage: 0, storageReason: "", buildId: "", version: "" },
      { error: { code: 0, message: "no", retryable: false } },
      { restarts: 2, reason: "trap" },
    ]);
  });

  const readers = { ...messages, ...identityMessages, ...credentialMessages, ...peersMessages };
  for (const [name, schema] of [
    ["IdentityState", identity.IdentityStateSchema],
    ["IdentityWords", identity.IdentityWordsSchema],
    ["DeviceLog", identity.DeviceLogSchema],
    ["BackupPart", identity.BackupPartSchema],
    ["BackupOpened", identity.BackupOpenedSchema],
    ["BackupReport", identity.BackupReportSchema],
    ["CredentialDocument", credentials.CredentialDocumentSchema],
    ["VerificationReport", credentials.VerificationReportSchema],
    ["CredentialRequested", credentials.CredentialRequestedSchema],
    ["CredentialList", credentials.CredentialListSchema],
    ["CredentialKept", credentials.CredentialKeptSchema],
    ["DidResolved", credentials.DidResolvedSchema],
    ["PeersState", peers.PeersStateSchema],
    ["DeviceInvitation", peers.DeviceInvitationSchema],
    ["DeviceJoining", peers.DeviceJoiningSchema],
    ["PeersDiagnosis", peers.PeersDiagnosisSchema],
    ["AppError", contract.AppErrorSchema],
    ["DocOpened", docs.DocOpenedSchema],
    ["DocChanged", docs.DocChangedSchema],
    ["DocHistoryResult", docs.DocHistoryResultSchema],
    ["StatusResult", contract.StatusResultSchema],
    ["HostResponse", client.HostResponseSchema],
    ["HostReady", client.HostReadySchema],
    ["HostFailed", client.HostFailedSchema],
    ["HostRestarted", client.HostRestartedSchema],
  ]) {
    test(`each field of ${name}`, () => {
      fc.assert(
        fc.property(messageOf(schema), (init) => {
          const message = create(schema, init);
          assert.deepEqual(readers[`read${name}`](toBinary(schema, message)), plainMessage(message, schema));
        }),
        { numRuns: 50 },
      );
    });
  }

  test("each field of Event; the state of the network stays encoded", () => {
    fc.assert(
      fc.property(messageOf(contract.EventSchema), (init) => {
        const message = create(contract.EventSchema, init);
        const { peersChanged, ...others } = plainMessage(message, contract.EventSchema);
        const expected = { ...others, peersChanged: peersChanged ? [toBinary(peers.PeersStateSchema, message.event.value)] : [] };
        assert.deepEqual(messages.readEvent(toBinary(contract.EventSchema, message)), expected);
      }),
    );
  });

  test("requests of other kinds", () => {
    const [id, session] = [new Uint8Array(16).fill(3), new Uint8Array(16).fill(4)];
    const query = toBinary(QuerySchema, create(QuerySchema, { type: "note" }));
    for (const [bytes, init] of [
      [requests.encodeOpen(id, session), { case: "docOpen", value: { documentId: id, session } }],
      [requests.encodeDelete(id), { case: "docDelete", value: { documentId: id } }],
      [requests.encodeHistory(id, 0, 0), { case: "docHistory", value: { documentId: id } }],
      [requests.encodeHistory(id, 5, 7), { case: "docHistory", value: { documentId: id, limit: 5, offset: 7 } }],
      [requests.encodeAt(id, [session, id]), { case: "docAt", value: { documentId: id, heads: [session, id] } }],
      [requests.encodeQuery("run", query), { case: "queryRun", value: { query: { type: "note" } } }],
      [requests.encodeQuery("subscribe", query), { case: "querySubscribe", value: { query: { type: "note" } } }],
      [requests.encodeStatusGet(), { case: "statusGet", value: {} }],
      [requests.encodeTestTrap(), { case: "testTrap", value: {} }],
    ]) {
      assert.deepEqual(bytes, toBinary(RequestSchema, create(RequestSchema, { request: init })));
    }
  });

  test("requests about the identity", () => {
    const [key, other, salt] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2), new Uint8Array(32).fill(3)];
    const secret = { credentialId: key, prfOutput: other };
    const of = identityRequests;
    for (const [bytes, init] of [
      [of.encodeIdentityGet(), { case: "identityGet", value: {} }],
      [of.encodeLock(), { case: "identityLock", value: {} }],
      [of.encodeUnlock({ passphrase: "pass" }), { case: "identityUnlock", value: { secret: { secret: { case: "passphrase", value: "pass" } } } }],
      [of.encodeUnlock({ words: "a b" }), { case: "identityUnlock", value: { secret: { secret: { case: "words", value: "a b" } } } }],
      [of.encodeUnlock({ passkey: secret }), { case: "identityUnlock", value: { secret: { secret: { case: "passkey", value: secret } } } }],
      [of.encodeWordsGet(), { case: "identityWordsGet", value: {} }],
      [of.encodeWordsConfirm([{ index: 0, word: "a" }, { index: 23, word: "b" }]), { case: "identityWordsConfirm", value: { words: [{ index: 0, word: "a" }, { index: 23, word: "b" }] } }],
      [of.encodePassphraseSet("pass", true), { case: "identityPassphraseSet", value: { passphrase: "pass", askAtStart: true } }],
      [of.encodePassphraseSet("pass", false), { case: "identityPassphraseSet", value: { passphrase: "pass" } }],
      [of.encodePassphraseRemove(), { case: "identityPassphraseRemove", value: {} }],
      [of.encodePasskeyAdd(secret, salt, "key"), { case: "identityPasskeyAdd", value: { secret, salt, label: "key" } }],
      [of.encodePasskeyRemove(key), { case: "identityPasskeyRemove", value: { credentialId: key } }],
      [of.encodeLockAfter(300), { case: "identityLockAfter", value: { seconds: 300 } }],
      [of.encodeLockAfter(0), { case: "identityLockAfter", value: {} }],
      [of.encodeRecover("a b"), { case: "identityRecover", value: { words: "a b" } }],
      [of.encodeRotate(), { case: "identityRotate", value: {} }],
      [of.encodeDeviceAdd(key, other, "phone", key), { case: "deviceAdd", value: { signPublicKey: key, agreePublicKey: other, name: "phone", consent: key } }],
      [of.encodeDeviceConsentGet(key), { case: "deviceConsentGet", value: { account: key } }],
      [of.encodeDeviceAdd(key, undefined, "phone"), { case: "deviceAdd", value: { signPublicKey: key, name: "phone" } }],
      [of.encodeDeviceRemove(key), { case: "deviceRemove", value: { signPublicKey: key } }],
      [of.encodeDeviceRename(key, "phone"), { case: "deviceRename", value: { signPublicKey: key, name: "phone" } }],
      [of.encodeDeviceLogGet(), { case: "deviceLogGet", value: {} }],
      [of.encodeDeviceLogMerge(key), { case: "deviceLogMerge", value: { log: key } }],
      [of.encodeBackupCreate(""), { case: "backupCreate", value: {} }],
      [of.encodeBackupCreate("pass"), { case: "backupCreate", value: { passphrase: "pass" } }],
      [of.encodeBackupOpen({ passphrase: "pass" }), { case: "backupOpen", value: { secret: { case: "passphrase", value: "pass" } } }],
      [of.encodeBackupOpen({ words: "a b" }), { case: "backupOpen", value: { secret: { case: "words", value: "a b" } } }],
      [of.encodeBackupFeed(2 ** 40, key), { case: "backupFeed", value: { backup: 2n ** 40n, data: key } }],
      [of.encodeBackupFinish(7, true), { case: "backupFinish", value: { backup: 7n, checkOnly: true } }],
    ]) {
      assert.deepEqual(bytes, toBinary(RequestSchema, create(RequestSchema, { request: init })), init.case);
    }
  });

  test("requests about credentials", () => {
    const id = new Uint8Array(16).fill(5);
    const of = credentialRequests;
    const [jcs, rdfc, jose] = ["eddsa-jcs-2022", "eddsa-rdfc-2022", "jose"].map(of.wireSecuring);
    for (const [bytes, init] of [
      [of.encodeIssue("{}", jcs, "https://a.example/1", true), { case: "credentialIssue", value: { credential: "{}", securing: credentials.Securing.EDDSA_JCS_2022, statusListUrl: "https://a.example/1", keep: true } }],
      [of.encodeIssue("{}", of.wireSecuring(undefined), "", false), { case: "credentialIssue", value: { credential: "{}" } }],
      [of.encodeVerify("{}", { challenge: "", domain: "", statusLists: [], offline: false }), { case: "credentialVerify", value: { document: "{}" } }],
      [of.encodeVerify("{}", { challenge: "c", domain: "d", statusLists: ["1", "2"], offline: true }), { case: "credentialVerify", value: { document: "{}", challenge: "c", domain: "d", statusLists: ["1", "2"], offline: true } }],
      [of.encodePresent([id], ["{}"], { challenge: "c", domain: "d", securing: rdfc }), { case: "credentialPresent", value: { ids: [id], documents: ["{}"], challenge: "c", domain: "d", securing: credentials.Securing.EDDSA_RDFC_2022 } }],
      [of.encodePresent([], ["a", "b"], { challenge: "c", domain: "d", securing: jose }), { case: "credentialPresent", value: { documents: ["a", "b"], challenge: "c", domain: "d", securing: credentials.Securing.JOSE } }],
      [of.encodeCredentialRequest(["A", "B"], "d", "why"), { case: "credentialRequest", value: { types: ["A", "B"], domain: "d", reason: "why" } }],
      [of.encodeKeep("{}"), { case: "credentialKeep", value: { document: "{}" } }],
      [of.encodeCredentialListGet(), { case: "credentialListGet", value: {} }],
      [of.encodeForget(id), { case: "credentialForget", value: { id } }],
      [of.encodeRevoke(id), { case: "credentialRevoke", value: { id } }],
      [of.encodeStatusListGet("https://a.example/1"), { case: "statusListGet", value: { url: "https://a.example/1" } }],
      [of.encodeResolve("did:web:a.example"), { case: "didResolve", value: { did: "did:web:a.example" } }],
    ]) {
      assert.deepEqual(bytes, toBinary(RequestSchema, create(RequestSchema, { request: init })), init.case);
    }
    assert.equal(of.wireSecuring("toString"), undefined);
  });

  test("requests about peers", () => {
    const id = new Uint8Array(16).fill(5);
    const of = peersRequests;
    for (const [bytes, init] of [
      [of.encodePeersGet(), { case: "peersGet", value: {} }],
      [of.encodePeersConfigure(["/dns/a.example", "/dns/b.example"]), { case: "peersConfigure", value: { relays: ["/dns/a.example", "/dns/b.example"] } }],
      [of.encodePeersConfigure([]), { case: "peersConfigure", value: {} }],
      [of.encodePeersConnect(true), { case: "peersConnect", value: { on: true } }],
      [of.encodePeersConnect(false), { case: "peersConnect", value: {} }],
      [of.encodeDeviceInvite(), { case: "deviceInvite", value: {} }],
      [of.encodeDeviceInviteCancel(), { case: "deviceInviteCancel", value: {} }],
      [of.encodeDeviceJoin("code", "phone"), { case: "deviceJoin", value: { code: "code", name: "phone" } }],
      [of.encodePresenceSet(id, Uint8Array.of(1)), { case: "presenceSet", value: { documentId: id, data: Uint8Array.of(1) } }],
      [of.encodePresenceSet(id, new Uint8Array()), { case: "presenceSet", value: { documentId: id } }],
      [of.encodePeersDiagnose(), { case: "peersDiagnose", value: {} }],
    ]) {
      assert.deepEqual(bytes, toBinary(RequestSchema, create(RequestSchema, { request: init })), init.case);
    }
  });

  test("every request of the identity, of credentials and of peers has its encoder", () => {
    const covered = { ...identityRequests, ...credentialRequests, ...peersRequests };
    const names = RequestSchema.fields.filter(({ number }) => number >= 30 && number < 1000).map(({ localName }) => localName);
    assert.equal(Object.keys(covered).filter((name) => name.startsWith("encode")).length, names.length, names.join(", "));
  });

  test("the numbers of the answers", () => {
    const answers = { ...requests.Answer, ...identityMessages.IdentityAnswer, ...credentialMessages.CredentialAnswer, ...peersMessages.PeersAnswer };
    for (const [name, number] of Object.entries(answers)) assert.equal(ResponseSchema.field[name].number, number, name);
  });

  test("the case of a response", () => {
    const bytes = toBinary(ResponseSchema, create(ResponseSchema, { response: { case: "docChanged", value: { didSomething: true } } }));
    const { field, payload } = readResponse(bytes);
    assert.equal(field, 6);
    assert.ok(payload.length > 0);
  });
});

describe("bytes that are none of ours", () => {
  test("give a typed error or a document, never a hang", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const decode of [readDocEvent, readRows, readDelta, readHostBatch, readResponse, (page) => new SnapshotBuilder().add(page)]) {
          try {
            decode(bytes);
          } catch (error) {
            assert.ok(error instanceof Error);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});

/** Messages of a schema with any values: what a table forgets or confuses shows. */
function messageOf(schema) {
  const of = (field) => {
    if (field.message) return messageOf(field.message);
    if (field.enum) return fc.constantFrom(...field.enum.values.map(({ number }) => number));
    return {
      [ScalarType.STRING]: fc.string({ unit: "grapheme", maxLength: 5 }),
      [ScalarType.BYTES]: fc.uint8Array({ maxLength: 5 }),
      [ScalarType.BOOL]: fc.boolean(),
      [ScalarType.UINT32]: fc.nat(),
      [ScalarType.UINT64]: fc.maxSafeNat().map(BigInt),
      // Times, which are after 1970.
      [ScalarType.INT64]: fc.maxSafeNat().map(BigInt),
      [ScalarType.SINT64]: fc.maxSafeInteger().map(BigInt),
    }[field.scalar];
  };
  const fields = schema.fields.filter((field) => field.oneof === undefined);
  const model = Object.fromEntries(fields.map((field) => [field.localName, field.fieldKind === "list" ? fc.array(of(field), { maxLength: 2 }) : of(field)]));
  for (const oneof of schema.oneofs) model[oneof.localName] = fc.oneof(...oneof.fields.map((field) => of(field).map((value) => ({ case: field.localName, value }))));
  return record(model);
}

/** A generated message as the tables give it: numbers for 64 bits, a oneof's case as a field of its own. */
function plainMessage(message, schema) {
  const plainOf = (value, field) => (field.message ? plainMessage(value, field.message) : typeof value === "bigint" ? Number(value) : value);
  const plain = {};
  for (const member of schema.members) {
    if (member.kind === "oneof") {
      const { case: name, value } = message[member.localName];
      plain[name] = plainOf(value, schema.field[name]);
    } else if (message[member.localName] !== undefined) {
      const value = message[member.localName];
      plain[member.localName] = member.fieldKind === "list" ? value.map((each) => plainOf(each, member)) : plainOf(value, member);
    }
  }
  return plain;
}

function changeMessage({ view, changeSeq, seenVersion, message }, change) {
  return create(RequestSchema, { request: { case: "docChange", value: { view: BigInt(view), changeSeq: BigInt(changeSeq), seenVersion: BigInt(seenVersion), message, change } } });
}
