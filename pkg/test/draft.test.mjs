import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { record } from "../dist/docs/draft.js";
import { applyEdits } from "../dist/docs/edits.js";
import { CounterNode, MapNode, mapNodeOf } from "../dist/docs/nodes.js";
import { key, map, value } from "./arbitraries.mjs";

/** What a recipe records on a document, and the document after it. */
function change(content, recipe) {
  const root = content instanceof MapNode ? content : mapNodeOf(content);
  const edits = record(root, recipe);
  return { edits, after: applyEdits(root, edits).snapshot() };
}

/** Commands that do the same to a draft and to a plain object. Each finds its place by numbers, so that it fits whatever is there. */
const command = fc.oneof(
  fc.tuple(fc.constant("set"), fc.nat(20), key, value),
  fc.tuple(fc.constant("delete"), fc.nat(20), key),
  fc.tuple(fc.constant("retype"), fc.nat(20), key, fc.string({ unit: "grapheme", maxLength: 10 })),
  fc.tuple(fc.constant("push"), fc.nat(20), fc.array(value, { maxLength: 3 })),
  fc.tuple(fc.constant("unshift"), fc.nat(20), fc.array(value, { maxLength: 3 })),
  fc.tuple(fc.constant("pop"), fc.nat(20)),
  fc.tuple(fc.constant("shift"), fc.nat(20)),
  fc.tuple(fc.constant("splice"), fc.nat(20), fc.integer({ min: -5, max: 5 }), fc.nat(4), fc.array(value, { maxLength: 3 })),
  fc.tuple(fc.constant("index"), fc.nat(20), fc.nat(6), value),
  fc.tuple(fc.constant("reverse"), fc.nat(20)),
  fc.tuple(fc.constant("fill"), fc.nat(20), value, fc.integer({ min: -3, max: 3 })),
  fc.tuple(fc.constant("copyWithin"), fc.nat(20), fc.nat(3), fc.nat(3)),
  fc.tuple(fc.constant("length"), fc.nat(20), fc.nat(3)),
  fc.tuple(fc.constant("copy"), fc.nat(20), fc.nat(20), key),
);

/** All lists or all maps below an object, in the order in which they stand. */
function containers(root, isWanted) {
  const found = [];
  const walk = (each) => {
    if (typeof each !== "object" || each === null || each instanceof Date || each instanceof Uint8Array) return;
    if (isWanted(each)) found.push(each);
    for (const name of Object.keys(each).sort()) walk(each[name]);
  };
  walk(root);
  return found;
}

function put(object, name, each) {
  Object.defineProperty(object, name, { value: each, enumerable: true, configurable: true, writable: true });
}

function run(root, [name, where, ...parameters], clone) {
  const wantsList = ["push", "unshift", "pop", "shift", "splice", "index", "reverse", "fill", "copyWithin", "length"].includes(name);
  const all = containers(root, (each) => Array.isArray(each) === wantsList);
  if (all.length === 0) return;
  const at = all[where % all.length];
  if (name === "set") put(at, parameters[0], clone(parameters[1]));
  else if (name === "delete") delete at[parameters[0]];
  else if (name === "retype") {
    if (typeof at[parameters[0]] === "string" && Object.hasOwn(at, parameters[0])) put(at, parameters[0], (parameters[1] + at[parameters[0]].slice(2)).toWellFormed());
  } else if (name === "push" || name === "unshift") at[name](...parameters[0].map(clone));
  else if (name === "pop" || name === "shift" || name === "reverse") at[name]();
  else if (name === "splice") at.splice(parameters[0], parameters[1], ...parameters[2].map(clone));
  else if (name === "index") {
    if (parameters[0] <= at.length) at[parameters[0]] = clone(parameters[1]);
  } else if (name === "fill") {
    // On a plain object each item must be a value of its own.
    for (let i = 0; i < at.length; i++) if (i >= (parameters[1] < 0 ? Math.max(at.length + parameters[1], 0) : parameters[1])) at[i] = clone(parameters[0]);
  } else if (name === "copyWithin") {
    const copies = at.slice().copyWithin(...parameters).map(clone);
    at.copyWithin(...parameters);
    for (let i = 0; i < at.length; i++) at[i] = copies[i];
  } else if (name === "length") at.length = Math.min(parameters[0], at.length);
  else if (name === "copy") {
    const from = all[parameters[0] % all.length];
    put(at, parameters[1], clone(from));
  }
}

describe("a draft", () => {
  test("records edits that lead to what the same recipe makes of a plain object", () => {
    fc.assert(
      fc.property(map, fc.array(command, { maxLength: 12 }), (content, commands) => {
        const root = mapNodeOf(content);
        const plain = structuredClone(root.snapshot());
        const clone = (each) => structuredClone(plainOf(each));
        for (const each of commands) run(plain, each, clone);
        const edits = record(root, (draft) => {
          for (const each of commands) run(draft, each, clone);
          assert.deepEqual(plainOf(draft), plain, "the draft itself shows it, too");
        });
        assert.deepEqual(applyEdits(root, edits).snapshot(), mapNodeOf(plain).snapshot());
      }),
      { numRuns: 1500 },
    );
  });

  test("makes of a string assigned over a string the splice between them", () => {
    const { edits } = change({ title: "Hello world", tags: ["one", "two"] }, (draft) => {
      draft.title = "Hello brave world";
      draft.tags[1] = "twofold";
    });
    assert.deepEqual(edits, [
      { op: "splice", path: ["title"], index: 6, delete: 0, insert: "brave " },
      { op: "splice", path: ["tags", 1], index: 3, delete: 0, insert: "fold" },
    ]);
  });

  test("records a method of a list as the edit that it means", () => {
    const { edits } = change({ list: [1, 2, 3] }, (draft) => {
      draft.list.unshift(0);
      draft.list.splice(1, 2, "x");
    });
    assert.deepEqual(edits.map(({ op, path }) => [op, path]), [["insert", ["list", 0]], ["delete", ["list", 1]], ["insert", ["list", 1]]]);
  });

  test("follows an item whose place in its list moves", () => {
    const { edits, after } = change({ list: [{ done: false }, { done: false }] }, (draft) => {
      const second = draft.list[1];
      draft.list.shift();
      second.done = true;
    });
    assert.deepEqual(edits.at(-1).path, ["list", 0, "done"]);
    assert.deepEqual(after, { list: [{ done: true }] });
  });

  test("lets what was taken out be changed and put elsewhere, and records only where it is put", () => {
    const { after, edits } = change({ from: [{ n: 1 }], to: [] }, (draft) => {
      const item = draft.from[0];
      draft.from.pop();
      item.n = 2;
      draft.to.push(item);
    });
    assert.deepEqual(after, { from: [], to: [{ n: 2 }] });
    assert.deepEqual(edits.map(({ op }) => op), ["delete", "insert"]);
  });

  test("takes undefined as the removal of a key, and nothing as a change of an equal value", () => {
    assert.deepEqual(change({ a: 1, b: 2 }, (draft) => void (draft.a = undefined)).after, { b: 2 });
    assert.deepEqual(change({ a: 1, b: "x", c: { d: [new Date(5)] } }, (draft) => {
      draft.a = 1;
      draft.b = "x";
      draft.c = { d: [new Date(5)] };
    }).edits, []);
  });

  test("adds to a counter instead of replacing it", () => {
    const root = new MapNode(new Map([["n", new CounterNode(5)]]));
    assert.deepEqual(record(root, (draft) => void (draft.n += 3)), [{ op: "increment", path: ["n"], by: 3 }]);
  });

  test("gives copies of dates and bytes, which cannot be watched", () => {
    const content = { when: new Date(0), bytes: new Uint8Array([1]) };
    const { edits, after } = change(content, (draft) => {
      draft.when.setTime(9);
      draft.bytes[0] = 9;
    });
    assert.deepEqual([edits, after], [[], { when: new Date(0), bytes: new Uint8Array([1]) }]);
  });

  test("behaves like what it stands for", () => {
    change({ list: [3, 1, 2], map: { x: 1 } }, (draft) => {
      assert.ok(Array.isArray(draft.list));
      assert.deepEqual(Object.keys(draft), ["list", "map"]);
      assert.equal(JSON.stringify(draft), '{"list":[3,1,2],"map":{"x":1}}');
      assert.deepEqual(draft.list.map((n) => n * 2), [6, 2, 4]);
      assert.deepEqual([...draft.list], [3, 1, 2]);
      assert.ok("x" in draft.map && !("y" in draft.map) && 2 in draft.list && !(3 in draft.list));
      assert.equal(draft.map, draft.map);
      assert.deepEqual({ ...draft.map, y: 2 }, { x: 1, y: 2 });
      assert.equal(draft.list.sort(), draft.list);
      assert.deepEqual(draft.list.slice(), [1, 2, 3]);
    });
  });

  test("is of no use after its recipe", () => {
    let kept;
    change({ a: { b: 1 } }, (draft) => void (kept = draft.a));
    assert.throws(() => (kept.b = 2), { code: "INVALID_ARGUMENT" });
    assert.throws(() => kept.b, { code: "INVALID_ARGUMENT" });
  });

  test("refuses what a document cannot hold, and then records nothing", () => {
    const cycle = [];
    cycle.push(cycle);
    for (const bad of [() => 1, Symbol("s"), 1n, new Map(), new (class Thing {})(), cycle, new Date(Number.NaN), new Uint8Array(70_000), [undefined]]) {
      assert.throws(() => change({ a: 1 }, (draft) => void (draft.b = bad)), { code: "INVALID_ARGUMENT" }, String(bad?.constructor?.name));
    }
    assert.throws(() => change({ list: [1] }, (draft) => delete draft.list[0]), { code: "INVALID_ARGUMENT" });
    assert.throws(() => change({ list: [1] }, (draft) => void (draft.list[5] = 1)), { code: "INVALID_ARGUMENT" });
    assert.throws(() => change({}, async () => undefined), { code: "INVALID_ARGUMENT" });
    assert.throws(() => change({}, () => { throw new RangeError("mine"); }), RangeError);
  });

  test("cannot be used to change prototypes", () => {
    const { after } = change({}, (draft) => {
      Object.defineProperty(draft, "__proto__", { value: { polluted: true }, enumerable: true, configurable: true, writable: true });
    });
    assert.equal({}.polluted, undefined);
    assert.equal(after.polluted, undefined);
    assert.deepEqual(Object.keys(after), ["__proto__"]);
  });
});

/** A plain copy of a draft, or of anything. */
function plainOf(each) {
  if (typeof each !== "object" || each === null || each instanceof Date || each instanceof Uint8Array) return each;
  if (Array.isArray(each)) return Array.from(each, plainOf);
  const object = {};
  for (const name of Object.keys(each)) put(object, name, plainOf(Object.getOwnPropertyDescriptor(each, name).value));
  return object;
}
