import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { diff } from "../dist/docs/diff.js";
import { record as recordDraft } from "../dist/docs/draft.js";
import { applyEdits } from "../dist/docs/edits.js";
import { mapNodeOf } from "../dist/docs/nodes.js";
import { Replica } from "../dist/docs/replica.js";
import { TextRun } from "../dist/docs/text_run.js";
import { map, record } from "./arbitraries.mjs";

const TEXT = ["text"];
const document = () => mapNodeOf({ text: "The quick brown fox", list: [1, 2, 3], map: { a: 1 } });
const fraction = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

/** A change that fits whatever the document is. */
const anyChange = fc.oneof(
  { weight: 3, arbitrary: record({ kind: fc.constant("type"), at: fraction, insert: fc.string({ maxLength: 3 }), remove: fc.nat(2), count: fc.integer({ min: 1, max: 4 }) }) },
  record({ kind: fc.constant("list"), at: fraction, remove: fc.nat(2), insert: fc.array(fc.integer(), { maxLength: 2 }) }),
  record({ kind: fc.constant("key"), name: fc.constantFrom("a", "b", "c"), value: fc.option(fc.integer(), { nil: undefined }) }),
);

function editsOf(root, change) {
  return recordDraft(root, (draft) => {
    if (change.kind === "list") draft.list.splice(Math.floor(change.at * draft.list.length), change.remove, ...change.insert);
    else if (change.kind === "key") draft.map[change.name] = change.value;
    else {
      const index = Math.floor(change.at * draft.text.length);
      draft.text = draft.text.slice(0, index) + change.insert + draft.text.slice(index + change.remove);
    }
  });
}

function runOf(root, change) {
  const run = new TextRun(TEXT);
  let { length } = root.entries.get("text");
  for (let i = 0; i < change.count; i++) {
    const index = Math.floor(change.at * length);
    const remove = Math.min(change.remove, length - index);
    run.push(index, remove, change.insert);
    length += change.insert.length - remove;
  }
  return run;
}

function bodyOf(root, change) {
  return change.kind === "type" ? runOf(root, change) : editsOf(root, change);
}

function applied(root, body) {
  return body instanceof TextRun ? body.apply(root, 0) : applyEdits(root, body);
}

const countOf = (body) => (body instanceof TextRun ? body.count : 1);

describe("a replica", () => {
  test("shows all local changes at once, whenever they are acknowledged, read, or divided by an acknowledgement", () => {
    const step = fc.oneof(anyChange, record({ kind: fc.constant("acknowledge"), share: fraction }), fc.constant({ kind: "read" }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const replica = new Replica(document());
        let expected = document();
        let nextSeq = 1;
        let acknowledged = 0;
        for (const each of steps) {
          if (each.kind === "read") assert.deepEqual(replica.root.snapshot(), expected.snapshot());
          else if (each.kind === "acknowledge") {
            acknowledged += Math.ceil(each.share * (nextSeq - 1 - acknowledged));
            assert.equal(replica.acknowledge(acknowledged, undefined), "none");
          } else {
            const body = bodyOf(expected, each);
            replica.add({ firstSeq: nextSeq, body });
            nextSeq += countOf(body);
            expected = applied(expected, body);
          }
        }
        assert.deepEqual(replica.root.snapshot(), expected.snapshot());
        replica.acknowledge(nextSeq - 1, undefined);
        assert.equal(replica.pendingCount, 0);
        assert.deepEqual(replica.confirmedRoot.snapshot(), expected.snapshot());
        assert.equal(replica.root, replica.confirmedRoot);
      }),
      { numRuns: 1000 },
    );
  });

  test("is the confirmed document once nothing is pending, whatever others did, and every effect leads from what was shown to what is shown", () => {
    const step = fc.oneof({ weight: 2, arbitrary: record({ who: fc.constant("me"), change: anyChange }) }, record({ who: fc.constant("them"), change: anyChange }), fc.constant({ who: "server" }), fc.constant({ who: "refuse" }), record({ who: fc.constant("restart"), applied: fc.nat(3) }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const replica = new Replica(document());
        // What the Meta Unit does is played by the simplest thing that is a total order: a change of mine that is not fitting any more gets another effect.
        let server = document();
        const queue = [];
        let nextSeq = 1;
        const seen = (act) => {
          const before = replica.root;
          const effect = act();
          const edits = effect === "none" ? [] : effect === "compare" ? diff(before, replica.root) : effect;
          assert.deepEqual(applyEdits(before, edits).snapshot(), replica.root.snapshot());
        };
        const settle = () => {
          const change = queue.shift();
          if (change === undefined) return;
          const asked = change.foreign ? diff(server, editsApplied(server, change.again)) : undefined;
          server = asked ? applyEdits(server, asked) : applied(server, change.body);
          seen(() => replica.acknowledge(change.firstSeq + countOf(change.body) - 1, asked));
        };
        for (const each of steps) {
          if (each.who === "me") {
            const body = bodyOf(replica.root, each.change);
            const change = { firstSeq: nextSeq, body, again: each.change, foreign: queue.some((other) => other.foreign) };
            nextSeq += countOf(body);
            queue.push(change);
            replica.add(change);
          } else if (each.who === "them") {
            const edits = editsOf(server, each.change);
            if (edits.length === 0) continue;
            server = applyEdits(server, edits);
            for (const change of queue) change.foreign = true;
            seen(() => replica.receive(edits));
          } else if (each.who === "restart") {
            // Another instance: it has some of what was sent, of which nobody heard.
            let appliedSeq = (queue[0]?.firstSeq ?? nextSeq) - 1;
            for (const change of queue.splice(0, each.applied)) {
              server = change.foreign ? editsApplied(server, change.again) : applied(server, change.body);
              appliedSeq = change.firstSeq + countOf(change.body) - 1;
            }
            seen(() => {
              replica.restart(server, appliedSeq, diff);
              return "compare";
            });
            const pending = replica.renumber(appliedSeq + 1);
            queue.forEach((change, i) => Object.assign(change, { firstSeq: pending[i].firstSeq, body: pending[i].body, foreign: false }));
            nextSeq = queue.length > 0 ? queue.at(-1).firstSeq + countOf(queue.at(-1).body) : appliedSeq + 1;
          } else if (each.who === "server") settle();
          else if (queue.length > 0) {
            const change = queue.pop();
            seen(() => replica.refuse(change.firstSeq));
          }
        }
        while (queue.length > 0) settle();
        assert.equal(replica.pendingCount, 0);
        assert.deepEqual(replica.root.snapshot(), server.snapshot());
      }),
      { numRuns: 1500 },
    );
  });

  test("shows pending text where it belongs after others typed before it", () => {
    const replica = new Replica(document());
    replica.add({ firstSeq: 1, body: [{ op: "splice", path: TEXT, index: 19, delete: 0, insert: "!" }] });
    replica.receive([{ op: "splice", path: TEXT, index: 0, delete: 3, insert: "A very" }]);
    assert.equal(replica.root.snapshot().text, "A very quick brown fox!");
  });

  test("moves what is pending over what others did when it starts again, and keeps nothing twice", () => {
    const replica = new Replica(document());
    replica.add({ firstSeq: 1, body: [{ op: "splice", path: TEXT, index: 0, delete: 0, insert: ">" }] });
    replica.add({ firstSeq: 2, body: [{ op: "splice", path: TEXT, index: 20, delete: 0, insert: "!" }] });
    // The new instance has the first change, and somebody else's.
    replica.restart(mapNodeOf({ text: ">The very quick brown fox", list: [1, 2, 3], map: { a: 1 } }), 1, diff);
    assert.equal(replica.pendingCount, 1);
    assert.equal(replica.root.snapshot().text, ">The very quick brown fox!");
    assert.deepEqual(replica.renumber(2)[0].body, [{ op: "splice", path: TEXT, index: 25, delete: 0, insert: "!" }]);
    replica.acknowledge(2, undefined);
    assert.equal(replica.confirmedRoot.snapshot().text, ">The very quick brown fox!");
  });

  test("keeps the identity of what did not change", () => {
    const replica = new Replica(document());
    const before = replica.root.snapshot();
    replica.add({ firstSeq: 1, body: [{ op: "put", path: ["map", "a"], value: 2 }] });
    const after = replica.root.snapshot();
    assert.equal(after.list, before.list);
    assert.notEqual(after.map, before.map);
    assert.equal(replica.root.snapshot(), after);
    assert.ok(Object.isFrozen(after) && Object.isFrozen(after.list) && Object.isFrozen(after.map));
  });
});

describe("a comparison of two documents", () => {
  test("gives edits that lead from one to the other", () => {
    fc.assert(
      fc.property(map, map, (a, b) => {
        const [before, after] = [mapNodeOf(a), mapNodeOf(b)];
        assert.deepEqual(applyEdits(before, diff(before, after)).snapshot(), after.snapshot());
        assert.deepEqual(diff(after, mapNodeOf(b)), []);
      }),
      { numRuns: 1000 },
    );
  });
});

function editsApplied(root, change) {
  return applyEdits(root, editsOf(root, change));
}
