import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Channel } from "../dist/channel/channel.js";
import { portPair } from "../dist/channel/port.js";
import { AvatarClosedError } from "../dist/errors.js";
import { ClientBatchSchema, HostBatchSchema } from "../dist/gen/dao/avatar/v1/client_pb.js";
import { ErrorCode, ResponseSchema } from "../dist/gen/dao/avatar/v1/request_pb.js";

/** The host's end of a channel, in the hands of the test. */
class HostEnd {
  messages = [];

  constructor() {
    const [client, host] = portPair();
    this.client = client;
    this.host = host;
    host.onmessage = ({ data }) => this.messages.push(fromBinary(ClientBatchSchema, data.batch).frames);
  }

  /** What the client has sent since the last time, as [call, case] or [call, case, request]. */
  sent() {
    const frames = this.messages.splice(0).flat();
    return frames.map(({ call, frame }) => (frame.case === "request" ? [Number(call), "request", String.fromCharCode(...frame.value)] : [Number(call), frame.case]));
  }

  send(...frames) {
    this.host.postMessage({ batch: toBinary(HostBatchSchema, create(HostBatchSchema, { frames })) });
    return turn();
  }

  ready() {
    return this.send({ frame: { case: "ready", value: { did: "did:key:z" } } });
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const request = (name) => Uint8Array.from(name, (character) => character.charCodeAt(0));
const response = (call, value, more = false) => ({ call: BigInt(call), more, frame: { case: "response", value: toBinary(ResponseSchema, create(ResponseSchema, { response: value })) } });
const done = { case: "done", value: {} };
const error = (code, retryable = false) => ({ case: "error", value: { code, message: "no", retryable } });

/** A channel that notes what it tells. */
function channel() {
  const told = [];
  const made = new Channel({
    ready: () => told.push("ready"),
    restarted: () => told.push("restarted"),
    event: () => told.push("event"),
    failed: ({ code }, closed) => told.push(`failed ${code} ${closed}`),
  });
  return { channel: made, told };
}

/** A handler that notes what it hears. */
function listener(extra = {}) {
  const heard = [];
  return { heard, answer: (field, _payload, last) => heard.push(last ? `last ${field}` : `more ${field}`), fail: ({ code }) => heard.push(code), ...extra };
}

describe("a channel", () => {
  test("sends nothing before the host is ready, and then everything in order, in one message", async () => {
    const host = new HostEnd();
    const { channel: made, told } = channel();
    made.call(request("a"), listener());
    made.connect(host.client);
    made.call(request("b"), listener());
    await turn();
    assert.deepEqual(host.sent(), []);
    await host.ready();
    assert.equal(host.messages.length, 1);
    assert.deepEqual(host.sent(), [[1, "request", "a"], [2, "request", "b"]]);
    assert.deepEqual(told, ["ready"]);
  });

  test("gives each call its own answers, in order, and none after the last", async () => {
    const { host, made } = await connected();
    const [a, b] = [listener(), listener()];
    made.call(request("a"), a);
    made.call(request("b"), b);
    await turn();
    await host.send(response(2, done, true), response(1, done), response(2, done), response(2, done), response(1, error(ErrorCode.NOT_FOUND)));
    assert.deepEqual([a.heard, b.heard], [["last 2"], ["more 2", "last 2"]]);
  });

  test("turns an error of the node into an error by code", async () => {
    const { host, made } = await connected();
    const rejected = assert.rejects(made.ask(request("a")), { name: "AvatarStorageError", code: "QUOTA_EXCEEDED" });
    await turn();
    await host.send(response(1, error(ErrorCode.QUOTA_EXCEEDED)));
    await rejected;
  });

  test("sends what is unanswered again when the connection is another one, and nothing that was answered", async () => {
    const { host, made } = await connected();
    const [a, b, c] = [listener(), listener({ lost: () => b.heard.push("lost") }), listener()];
    made.call(request("a"), a);
    made.call(request("b"), b);
    await turn();
    await host.send(response(1, done), response(2, done, true));
    made.disconnect();
    made.call(request("c"), c);
    const other = new HostEnd();
    made.connect(other.client);
    await other.ready();
    assert.deepEqual(other.sent(), [[2, "request", "b"], [3, "request", "c"]]);
    // The old host wakes up and answers: too late.
    await host.send(response(2, done));
    await other.send(response(2, done), response(3, done));
    assert.deepEqual([a.heard, b.heard, c.heard], [["last 2"], ["more 2", "lost", "last 2"], ["last 2"]]);
  });

  test("makes what outlives a lock again when the node is unlocked, and refuses the rest", async () => {
    const { host, made } = await connected();
    const [live, once] = [listener({ waits: () => true, lost: () => live.heard.push("lost"), again: () => request("A") }), listener()];
    made.call(request("a"), live);
    made.call(request("b"), once);
    await turn();
    host.sent();
    await host.send(response(1, done, true), response(1, error(ErrorCode.LOCKED)), response(2, error(ErrorCode.LOCKED)));
    assert.deepEqual([live.heard, once.heard, host.sent()], [["more 2", "lost"], ["LOCKED"], []]);
    made.unlocked();
    await turn();
    assert.deepEqual(host.sent(), [[1, "request", "A"]]);
    // Locked again before it was answered.
    await host.send(response(1, error(ErrorCode.LOCKED)));
    made.unlocked();
    await turn();
    await host.send(response(1, done));
    assert.deepEqual(live.heard, ["more 2", "lost", "lost", "last 2"]);
  });

  test("forgets what waits for an unlocking and is cancelled", async () => {
    const { host, made } = await connected();
    const call = made.call(request("a"), listener({ waits: () => true }));
    await turn();
    host.sent();
    await host.send(response(1, error(ErrorCode.LOCKED)));
    call.cancel();
    made.unlocked();
    await turn();
    assert.deepEqual(host.sent(), []);
  });

  test("waits for the restart of a node that crashed, and sends what was in flight again", async () => {
    const { host, made, told } = await connected();
    const a = listener();
    made.call(request("a"), a);
    await turn();
    host.sent();
    await host.send(response(1, error(ErrorCode.CRASHED, true)));
    assert.deepEqual(host.sent(), []);
    await host.send({ frame: { case: "restarted", value: { restarts: 1, reason: "trap" } } });
    assert.deepEqual(host.sent(), [[1, "request", "a"]]);
    await host.send(response(1, done));
    assert.deepEqual([a.heard, told], [["last 2"], ["ready", "restarted"]]);
  });

  test("gives a request up that crashes the node again and again", async () => {
    const { host, made } = await connected();
    const rejected = assert.rejects(made.ask(request("a")), { code: "CRASHED" });
    await turn();
    await host.send(response(1, error(ErrorCode.CRASHED, false)));
    await rejected;
  });

  test("does not send twice what must not be", async () => {
    const { host, made } = await connected();
    const asked = made.ask(request("trap"), { retries: false });
    await turn();
    host.sent();
    const rejected = assert.rejects(asked, { code: "CRASHED" });
    await host.send(response(1, error(ErrorCode.CRASHED, true)), { frame: { case: "restarted", value: {} } });
    await rejected;
    assert.deepEqual(host.sent(), []);
  });

  test("lets a handler send something else, or nothing, on the new connection", async () => {
    const { host, made } = await connected();
    made.call(request("old"), listener({ again: () => request("new") }));
    made.call(request("gone"), listener({ again: () => undefined }));
    await turn();
    host.sent();
    const other = new HostEnd();
    made.connect(other.client);
    await other.ready();
    assert.deepEqual(other.sent(), [[1, "request", "new"]]);
  });

  test("cancels: the handler hears nothing any more, the host is told", async () => {
    const { host, made } = await connected();
    const a = listener();
    const call = made.call(request("a"), a);
    await turn();
    call.cancel();
    call.cancel();
    await turn();
    assert.deepEqual(host.sent(), [[1, "request", "a"], [1, "cancel"]]);
    await host.send(response(1, done, true), response(1, error(ErrorCode.CANCELLED)));
    assert.deepEqual(a.heard, []);
    const never = listener();
    made.disconnect();
    made.call(request("b"), never).cancel();
    const other = new HostEnd();
    made.connect(other.client);
    await other.ready();
    assert.deepEqual(other.sent(), []);
  });

  test("keeps what the host has in hand within a limit, and goes on as answers come", async () => {
    const { host, made } = await connected();
    const all = Array.from({ length: 10_000 }, () => made.ask(request("x")));
    await turn();
    const first = host.sent();
    assert.equal(first.length, 8192);
    await host.send(...first.slice(0, 5000).map(([call]) => response(call, done)));
    const second = host.sent();
    assert.equal(second.length, 10_000 - 8192);
    await host.send(...[...first.slice(5000), ...second].map(([call]) => response(call, done)));
    await Promise.all(all);
  });

  test("asks the host itself", async () => {
    const { host, made } = await connected();
    const asked = made.askHost({ ask: "status" });
    await turn();
    assert.deepEqual(host.sent(), [[1, "host"]]);
    await host.send({ call: 1n, frame: { case: "host", value: { response: { case: "status", value: { clients: 3 } } } } });
    assert.equal((await asked).status.clients, 3);
  });

  test("takes a host that closes in good order for a lost connection, any other failure for the end", async () => {
    const { host, made, told } = await connected();
    const a = listener();
    made.call(request("a"), a);
    await turn();
    await host.send(response(1, error(ErrorCode.CLOSED)), { frame: { case: "failed", value: { error: { code: ErrorCode.CLOSED } } } });
    assert.deepEqual([a.heard, told.at(-1), made.connected], [[], "failed CLOSED true", false]);
    const other = new HostEnd();
    made.connect(other.client);
    await other.ready();
    assert.deepEqual(other.sent(), [[1, "request", "a"]]);
    await other.send({ frame: { case: "failed", value: { error: { code: ErrorCode.SCHEMA_TOO_NEW } } } });
    assert.equal(told.at(-1), "failed SCHEMA_TOO_NEW false");
  });

  test("fails every call, of before and of later, once it is ended", async () => {
    const { made } = await connected();
    const before = made.ask(request("a"));
    made.end(new AvatarClosedError());
    await assert.rejects(before, { code: "CLOSED" });
    await assert.rejects(made.ask(request("b")), { code: "CLOSED" });
  });
});

async function connected() {
  const host = new HostEnd();
  const { channel: made, told } = channel();
  made.connect(host.client);
  await host.ready();
  return { host, made, told };
}
