// avatar.peers and presence, with the host in the hands of the test: what is asked, what is told, what is said again.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { AvatarClient } from "../dist/avatar.js";
import { portPair } from "../dist/channel/port.js";
import { ClientBatchSchema, HostBatchSchema } from "../dist/gen/dao/avatar/v1/client_pb.js";
import { DeviceJoinStage, PeersVerdict } from "../dist/gen/dao/avatar/v1/peers_pb.js";
import { ErrorCode, EventSchema, RequestSchema, ResponseSchema } from "../dist/gen/dao/avatar/v1/request_pb.js";
import { toBase64Url } from "../dist/base64url.js";
import { createAvatar } from "../dist/node.js";

const RELAY = "/dns/relay.example/tcp/443/wss/p2p/12D3KooWRelay";
const PHONE = new Uint8Array(32).fill(7);
const LAPTOP = new Uint8Array(32).fill(8);

/** A host that notes what is asked of it, and answers by `answers`: from the case of a request to the response, or to none. */
class HostEnd {
  asked = [];
  cancelled = [];
  answers = {
    identityGet: () => ({ case: "identity", value: { did: "did:key:z" } }),
    docCreate: ({ documentId }) => ({ more: true, case: "docOpened", value: { view: 1n, documentId, type: "note", owner: "did:key:z" } }),
    presenceSet: () => ({ case: "done", value: {} }),
    peersGet: () => ({ case: "peers", value: { supported: true } }),
    peersConfigure: () => ({ case: "peers", value: { supported: true } }),
  };
  #waiting = [];

  constructor() {
    const [client, host] = portPair();
    this.client = client;
    this.#host = host;
    host.onmessage = ({ data }) => {
      for (const { call, frame } of fromBinary(ClientBatchSchema, data.batch).frames) this.#take(call, frame);
    };
  }

  #host;

  #take(call, frame) {
    if (frame.case === "cancel") this.cancelled.push(call);
    if (frame.case === "host") this.send({ call, frame: { case: "host", value: { response: { case: "done", value: {} } } } });
    if (frame.case !== "request") return;
    const { request } = fromBinary(RequestSchema, frame.value);
    this.asked.push({ call, ...request });
    const answer = this.answers[request.case]?.(request.value);
    if (answer !== undefined) this.respond(call, answer);
    this.#waiting.splice(0).forEach((look) => look());
  }

  respond(call, { more = false, ...response }) {
    this.send({ call, more, frame: { case: "response", value: toBinary(ResponseSchema, create(ResponseSchema, { response })) } });
  }

  send(...frames) {
    this.#host.postMessage({ batch: toBinary(HostBatchSchema, create(HostBatchSchema, { frames })) });
  }

  tell(event) {
    this.send({ frame: { case: "event", value: toBinary(EventSchema, create(EventSchema, { event })) } });
  }

  restarted() {
    this.send({ frame: { case: "restarted", value: { restarts: 1, reason: "trap" } } });
  }

  /** The requests of a kind, once there are `count`. */
  async requests(name, count) {
    for (;;) {
      const found = this.asked.filter((request) => request.case === name);
      if (found.length >= count) return found;
      await new Promise((resolve) => this.#waiting.push(resolve));
    }
  }
}

const environment = { persist: async () => undefined, passkeys: {} };

/** An Avatar of a host that the test holds. */
async function started(options = {}) {
  const host = new HostEnd();
  const connector = (channel) => ({ role: "follower", start: () => channel.connect(host.client), hostClosed() {}, close() {} });
  const avatar = new AvatarClient(options, environment, connector, []);
  host.send({ frame: { case: "ready", value: { did: "did:key:z" } } });
  await avatar.started;
  return { avatar, host };
}

/** The next thing that is told. */
const next = (avatar, event) => new Promise((resolve) => {
  const off = avatar.on(event, (detail) => (off(), resolve(detail)));
});

describe("relays", () => {
  test("are said to each instance, and after each unlocking", async () => {
    const { avatar, host } = await started({ relays: [RELAY] });
    assert.deepEqual((await host.requests("peersConfigure", 1)).at(-1).value.relays, [RELAY]);
    host.restarted();
    await host.requests("peersConfigure", 2);
    host.tell({ case: "identityChanged", value: { did: "did:key:z", locked: true } });
    host.tell({ case: "identityChanged", value: { did: "did:key:z" } });
    await host.requests("peersConfigure", 3);
    await avatar.peers.useRelays([]);
    host.restarted();
    assert.deepEqual((await host.requests("peersConfigure", 5)).map(({ value }) => value.relays.length), [1, 1, 1, 0, 0]);
  });

  test("that nobody named are not spoken of: the part for the network is not asked for at a start", async () => {
    const { avatar, host } = await started();
    await avatar.identity.state();
    assert.deepEqual(new Set(host.asked.map((request) => request.case)), new Set(["identityGet"]));
  });

  test("that are none are refused before anything is asked", async () => {
    const { avatar, host } = await started();
    for (const relays of ["/dns/a", [5], ["wss://a.example"], Array(17).fill(RELAY), null]) {
      await assert.rejects(avatar.peers.useRelays(relays), { code: "INVALID_ARGUMENT" }, JSON.stringify(relays));
    }
    assert.ok(!host.asked.some((request) => request.case === "peersConfigure"));
    await assert.rejects(createAvatar({ relays: ["nonsense"] }), { code: "INVALID_ARGUMENT" });
  });
});

describe("the state of the network", () => {
  test("is answered and told, without what is not known", async () => {
    const { avatar, host } = await started();
    assert.deepEqual(await avatar.peers.state(), { supported: true, on: false, addresses: [], relays: [], devices: [], connections: [] });
    assert.equal(avatar.peerId, undefined);
    const told = next(avatar, "peers");
    const connection = { connection: 4n, peerId: "12D3Phone", address: "/webrtc", transport: "webrtc", bytesIn: 5n, bytesOut: 6n };
    host.tell({
      case: "peersChanged",
      value: {
        supported: true,
        on: true,
        peerId: "12D3Own",
        addresses: [`${RELAY}/p2p-circuit`],
        relays: [{ address: RELAY, connected: true, reserved: true }, { address: "/dns/gone.example", problem: "nobody answers" }],
        devices: [{ signPublicKey: PHONE, name: "Phone", peerId: "12D3Phone", connection: 4n, documentsDone: 3, documentsTotal: 9 }],
        connections: [{ ...connection, roundTripUs: 1500n, device: PHONE }, { ...connection, connection: 5n, relayed: true }],
        invitationExpiresMs: 1_800_000_000_000n,
      },
    });
    const plain = { peerId: "12D3Phone", address: "/webrtc", transport: "webrtc", bytesIn: 5, bytesOut: 6 };
    assert.deepEqual(await told, {
      supported: true,
      on: true,
      peerId: "12D3Own",
      addresses: [`${RELAY}/p2p-circuit`],
      relays: [{ address: RELAY, connected: true, reserved: true }, { address: "/dns/gone.example", connected: false, reserved: false, problem: "nobody answers" }],
      devices: [{ id: toBase64Url(PHONE), name: "Phone", peerId: "12D3Phone", connection: 4, inSync: false, documentsDone: 3, documentsTotal: 9 }],
      connections: [{ id: 4, ...plain, relayed: false, roundTripMs: 1.5, device: toBase64Url(PHONE) }, { id: 5, ...plain, relayed: true }],
      invitationExpiresAt: new Date(1_800_000_000_000),
    });
    assert.equal(avatar.peerId, "12D3Own");
  });

  test("is told when it is another, and not for each question", async () => {
    const { avatar, host } = await started();
    const told = [];
    avatar.on("peers", ({ on }) => told.push(on));
    await avatar.peers.state();
    await avatar.peers.state();
    host.answers.peersConnect = ({ on }) => ({ case: "peers", value: { supported: true, on } });
    await avatar.peers.connect();
    await avatar.peers.state();
    assert.deepEqual(told, [false, true, false]);
  });

  test("is turned on and off, and explained", async () => {
    const { avatar, host } = await started();
    host.answers.peersConnect = ({ on }) => ({ case: "peers", value: { supported: true, on } });
    assert.ok((await avatar.peers.connect()).on);
    assert.ok(!(await avatar.peers.connect(false)).on);
    const findings = [PeersVerdict.GOOD, PeersVerdict.FAIR, PeersVerdict.BAD].map((verdict) => ({ verdict, subject: "relay", text: "It is far away." }));
    host.answers.peersDiagnose = () => ({ case: "peersDiagnosis", value: { findings } });
    assert.deepEqual((await avatar.peers.diagnose()).map(({ verdict, subject }) => [verdict, subject]), [["good", "relay"], ["fair", "relay"], ["bad", "relay"]]);
  });

  test("of a host without a network is a typed error", async () => {
    const { avatar, host } = await started();
    host.answers.peersGet = () => ({ case: "error", value: { code: ErrorCode.UNSUPPORTED, message: "no" } });
    await assert.rejects(avatar.peers.state(), { code: "UNSUPPORTED" });
  });
});

describe("linking a device", () => {
  test("an invitation has a code and an end, and is taken back", async () => {
    const { avatar, host } = await started();
    host.answers.deviceInvite = () => ({ case: "deviceInvitation", value: { code: "once", expiresMs: 1_800_000_000_000n } });
    host.answers.deviceInviteCancel = () => ({ case: "peers", value: { supported: true } });
    const { code, expiresAt, cancel } = await avatar.peers.invite();
    assert.deepEqual([code, expiresAt], ["once", new Date(1_800_000_000_000)]);
    await cancel();
    assert.equal((await host.requests("deviceInviteCancel", 1)).length, 1);
  });

  test("a joining tells its stages and resolves when all is there", async () => {
    const { avatar, host } = await started();
    const told = [];
    const joined = avatar.peers.join(" once\n", { name: "Phone", onProgress: ({ stage, documentsDone, documentsTotal }) => told.push([stage, documentsDone, documentsTotal]) });
    const [{ call, value }] = await host.requests("deviceJoin", 1);
    assert.deepEqual([value.code, value.name], ["once", "Phone"]);
    const step = (stage, facts = {}) => host.respond(call, { more: stage !== DeviceJoinStage.DONE, case: "deviceJoining", value: { stage, ...facts } });
    step(DeviceJoinStage.CONNECTING);
    step(DeviceJoinStage.FINDING);
    step(DeviceJoinStage.IDENTITY);
    step(DeviceJoinStage.DOCUMENTS, { documentsDone: 3, documentsTotal: 9 });
    step(DeviceJoinStage.DONE);
    await joined;
    assert.deepEqual(told, [["connecting", 0, 0], ["finding", 0, 0], ["identity", 0, 0], ["documents", 3, 9], ["done", 0, 0]]);
  });

  test("a joining that is given up is cancelled, also before it has begun", async () => {
    const { avatar, host } = await started();
    const abort = new AbortController();
    const joining = avatar.peers.join("once", { signal: abort.signal });
    const [{ call }] = await host.requests("deviceJoin", 1);
    abort.abort(new Error("changed my mind"));
    await assert.rejects(joining, ({ code, cause }) => code === "CANCELLED" && cause.message === "changed my mind");
    await avatar.identity.state();
    assert.deepEqual(host.cancelled, [call]);
    await assert.rejects(avatar.peers.join("once", { signal: abort.signal }), { code: "CANCELLED" });
    assert.equal(host.asked.filter((request) => request.case === "deviceJoin").length, 1);
  });

  test("a code is not used twice: a joining that meets a crash fails", async () => {
    const { avatar, host } = await started();
    const joining = avatar.peers.join("once");
    const [{ call }] = await host.requests("deviceJoin", 1);
    host.respond(call, { case: "error", value: { code: ErrorCode.CRASHED, retryable: true } });
    await assert.rejects(joining, { code: "CRASHED" });
    host.restarted();
    await avatar.identity.state();
    assert.equal(host.asked.filter((request) => request.case === "deviceJoin").length, 1);
  });

  test("a code that is none is refused before anything is asked", async () => {
    const { avatar, host } = await started();
    for (const code of ["", undefined, 5]) await assert.rejects(avatar.peers.join(code), { code: "INVALID_ARGUMENT" });
    assert.ok(!host.asked.some((request) => request.case === "deviceJoin"));
  });
});

describe("presence", () => {
  const text = (bytes) => new TextDecoder().decode(bytes);
  const json = (value) => new TextEncoder().encode(JSON.stringify(value));

  /** An Avatar with an open document, and what another device says at it. */
  async function atDocument() {
    const { avatar, host } = await started();
    const doc = await avatar.docs.create("note", {});
    const [{ value }] = await host.requests("docCreate", 1);
    const says = (device, data) => host.tell({ case: "presenceChanged", value: { documentId: value.documentId, device, data } });
    const heard = [];
    const wait = (count) => new Promise((resolve) => {
      const look = () => heard.length >= count && (off(), resolve(heard.at(-1)));
      const off = doc.presence.subscribe(() => queueMicrotask(look));
    });
    doc.presence.subscribe((others) => heard.push(others));
    return { avatar, host, doc, says, heard, wait };
  }

  test("of others is told, and gone with them", async () => {
    const { doc, says, wait } = await atDocument();
    assert.deepEqual(doc.presence.others, []);
    says(PHONE, json({ at: 5 }));
    assert.deepEqual(await wait(2), [{ device: toBase64Url(PHONE), data: { at: 5 } }]);
    says(LAPTOP, json("here"));
    says(PHONE, json({ at: 6 }));
    assert.deepEqual(await wait(4), [{ device: toBase64Url(PHONE), data: { at: 6 } }, { device: toBase64Url(LAPTOP), data: "here" }]);
    says(PHONE, new Uint8Array());
    assert.deepEqual(await wait(5), [{ device: toBase64Url(LAPTOP), data: "here" }]);
    // What cannot be read is nobody.
    says(LAPTOP, Uint8Array.of(0xff));
    assert.deepEqual(await wait(6), []);
  });

  test("is said once, and again to who comes later, to a new instance and after a lock, and taken back at the end", async () => {
    const { host, doc, says, wait } = await atDocument();
    doc.presence.set({ at: 1 });
    assert.equal(text((await host.requests("presenceSet", 1))[0].value.data), '{"at":1}');
    says(PHONE, json(1));
    await host.requests("presenceSet", 2);
    // Who is known already has heard it.
    says(PHONE, json(2));
    await wait(3);
    host.restarted();
    const again = await host.requests("presenceSet", 3);
    assert.deepEqual(again.map(({ value }) => text(value.data)), Array(3).fill('{"at":1}'));
    // Nobody is there for a new instance until they say so.
    assert.deepEqual(doc.presence.others, []);
    doc.presence.set(undefined);
    doc.presence.set(undefined);
    doc.presence.set(["x"]);
    await doc.close();
    assert.deepEqual((await host.requests("presenceSet", 6)).slice(3).map(({ value }) => text(value.data)), ["", '["x"]', ""]);
    assert.throws(() => doc.presence.set(1), { code: "CLOSED" });
    assert.deepEqual(doc.presence.others, []);
  });

  test("that is no JSON, or too much of it, is refused", async () => {
    const { host, doc } = await atDocument();
    const cycle = {};
    cycle.self = cycle;
    for (const data of [cycle, () => 1, Symbol("x"), 5n, "x".repeat(4095), { text: "ü".repeat(2100) }]) assert.throws(() => doc.presence.set(data), { code: "INVALID_ARGUMENT" });
    doc.presence.set("x".repeat(4094));
    assert.equal((await host.requests("presenceSet", 1)).length, 1);
  });
});
