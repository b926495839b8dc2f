// Several clients of one Meta Unit, as tabs are: the same documents, edited at once.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Channel } from "../dist/channel/channel.js";
import { portPair } from "../dist/channel/port.js";
import { DocsOf } from "../dist/docs/docs.js";
import { AvatarClosedError } from "../dist/errors.js";
import init, { Host } from "../dist/host/avatar_web.js";
import { encodeTestTrap } from "../dist/docs/requests.js";

const compiled = async (name) => WebAssembly.compile(await readFile(new URL(`../dist/${name}`, import.meta.url)));
const metaUnit = await compiled("meta_unit.wasm");
await init({ module_or_path: await compiled("avatar_web_bg.wasm") });

/** A host with several clients. */
class Tabs {
  static async open(t, count) {
    const host = await Host.start({ module: metaUnit, name: "tabs", storage: "memory", testRequests: true });
    const clients = Array.from({ length: count }, () => new Client(host));
    t?.after(() => Tabs.close(host, clients));
    return { host, clients, close: () => Tabs.close(host, clients) };
  }

  static async close(host, clients) {
    for (const { channel } of clients) channel.end(new AvatarClosedError());
    await host.close();
  }
}

class Client {
  restarts = 0;

  constructor(host) {
    const ignore = () => undefined;
    this.channel = new Channel({ ready: ignore, restarted: () => this.restarts++, event: ignore, failed: ignore });
    this.docs = new DocsOf(this.channel);
    const [port, hostPort] = portPair();
    this.channel.connect(port);
    host.attach(hostPort);
  }

  trap() {
    return this.channel.ask(encodeTestTrap(), { retries: false }).catch(({ code }) => assert.equal(code, "CRASHED"));
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A document as an editor would keep it, from patches alone. */
function mirrored(doc) {
  const mirror = { body: doc.value.body, list: structuredClone(doc.value.list) };
  doc.subscribe(({ patches }) => {
    for (const { op, path, ...patch } of patches) {
      if (op === "splice" && path[0] === "body") mirror.body = mirror.body.slice(0, patch.index) + patch.insert + mirror.body.slice(patch.index + patch.delete);
      else if (path[0] === "body") mirror.body = patch.value;
      else if (path[0] === "list" && path.length === 1) mirror.list = structuredClone(patch.value);
      else if (path[0] === "list" && op === "insert") mirror.list.splice(path[1], 0, ...patch.values);
      else if (path[0] === "list" && op === "delete") mirror.list.splice(path[1], patch.count);
      else if (path[0] === "list" && op === "put") mirror.list[path[1]] = patch.value;
    }
    assert.deepEqual(mirror, { body: doc.value.body, list: doc.value.list });
  });
  return mirror;
}

const fraction = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const action = (clients) => {
  const who = fc.nat(clients - 1);
  return fc.oneof(
    { weight: 6, arbitrary: fc.tuple(fc.constant("type"), who, fraction, fc.nat(3), fc.string({ unit: "grapheme-ascii", maxLength: 4 })) },
    { weight: 2, arbitrary: fc.tuple(fc.constant("list"), who, fraction, fc.nat(2), fc.array(fc.nat(9), { maxLength: 3 })) },
    { weight: 1, arbitrary: fc.tuple(fc.constant("key"), who, fc.constantFrom("a", "b"), fc.option(fc.nat(9), { nil: undefined })) },
    { weight: 1, arbitrary: fc.tuple(fc.constantFrom("undo", "redo"), who) },
    { weight: 4, arbitrary: fc.tuple(fc.constant("turn"), fc.nat(4)) },
  );
};

async function act(docs, [kind, who, ...parameters], under) {
  const doc = docs[who];
  if (kind === "turn") {
    for (let i = 0; i < who; i++) await turn();
  } else if (kind === "type") {
    const [at, remove, insert] = parameters;
    const { length } = doc.value.body;
    const index = Math.floor(at * (length + 1));
    under.push(doc.splice(["body"], index, Math.min(remove, length - index), insert));
  } else if (kind === "list") {
    const [at, remove, insert] = parameters;
    under.push(doc.change((draft) => void draft.list.splice(Math.floor(at * (draft.list.length + 1)), remove, ...insert)));
  } else if (kind === "key") {
    under.push(doc.change((draft) => void (draft.map[parameters[0]] = parameters[1])));
  } else {
    under.push(doc[kind]());
  }
}

/** Everybody's work is durable, and everybody has heard of it. */
async function settled(docs, under) {
  await Promise.all(under);
  // A client hears of others' changes in the order of the Meta Unit: once it knows its own last one, and some turns have passed, nothing is under way.
  for (const doc of docs) await doc.history({ limit: 1 });
  for (let i = 0; i < 5; i++) await turn();
}

describe("clients that edit one document at once", () => {
  for (const count of [2, 3]) {
    test(`end up with the same, ${count} of them, and with what is stored; editors that follow the patches, too`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(action(count), { minLength: 5, maxLength: 60 }), async (actions) => {
          const { clients, close } = await Tabs.open(undefined, count + 1);
          try {
            const first = await clients[0].docs.create("note", { body: "The quick brown fox", list: [1, 2, 3], map: { a: 1 } });
            const docs = [first];
            for (const client of clients.slice(1, count)) docs.push(await client.docs.open(first.id));
            const mirrors = docs.map(mirrored);
            const under = [];
            for (const each of actions) await act(docs, each, under);
            await settled(docs, under);
            const late = await clients[count].docs.open(first.id);
            for (const doc of docs) assert.deepEqual(doc.value, late.value);
            for (const mirror of mirrors) assert.deepEqual(mirror, { body: late.value.body, list: late.value.list });
          } finally {
            await close();
          }
        }),
        { numRuns: 40 },
      );
    });
  }

  test("end up with the same when the Meta Unit crashes in between, with every change in it once", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(1), fraction, fc.nat(3)), { minLength: 5, maxLength: 40 }), fc.array(fc.nat(39), { minLength: 1, maxLength: 2 }), async (edits, crashes) => {
        const { clients, close } = await Tabs.open(undefined, 3);
        try {
          const one = await clients[0].docs.create("note", { body: "", list: [] });
          const docs = [one, await clients[1].docs.open(one.id)];
          const under = [];
          const tokens = [];
          for (const [i, [who, at, turns]] of edits.entries()) {
            const token = `<${who}.${i}>`;
            tokens.push(token);
            const doc = docs[who];
            // Tokens are put between others, never inside one, so that each can be found again.
            const places = [0, ...[...doc.value.body.matchAll(/>/g)].map(({ index }) => index + 1)];
            under.push(doc.splice(["body"], places[Math.floor(at * places.length)], 0, token));
            under.push(doc.change((draft) => void draft.list.push(token)));
            if (crashes.includes(i)) under.push(clients[who].trap());
            for (let t = 0; t < turns; t++) await turn();
          }
          await settled(docs, under);
          const late = await clients[2].docs.open(one.id);
          for (const doc of docs) assert.deepEqual(doc.value, late.value);
          assert.deepEqual(late.value.list.toSorted(), tokens.toSorted());
          for (const token of tokens) assert.equal(late.value.body.split(token).length - 1, 1, `${token} once in ${late.value.body}`);
        } finally {
          await close();
        }
      }),
      { numRuns: 25 },
    );
  });

  test("see what the others typed where they typed it", async (t) => {
    const { clients } = await Tabs.open(t, 2);
    const one = await clients[0].docs.create("note", { body: "Hello world" });
    const two = await clients[1].docs.open(one.id);
    await Promise.all([one.splice(["body"], 5, 0, ", dear"), two.splice(["body"], 11, 0, "!")]);
    await settled([one, two], []);
    assert.deepEqual([one.value.body, two.value.body], ["Hello, dear world!", "Hello, dear world!"]);
  });
});
