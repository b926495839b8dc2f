// Ours, through the public facade, with its worker, everything durable when it is called done.
import { createAvatar } from "@dao/avatar";
import { rates } from "./credentials.js";
import { assertEqual, expectedText, keystrokes, nextTask, note, showTitles, timed } from "./workload.js";

/** Edits between two turns of the page: far more than any person types, so that the stream is pipelined as a paste or a replay would be. */
const EDITS_A_TASK = 1_000;

globalThis.contestant = {
  async createOneByOne({ name, count }) {
    const avatar = await createAvatar({ name });
    const ms = await timed(async () => {
      for (let n = 0; n < count; n++) await avatar.docs.create("note", note(n));
    });
    await avatar.close();
    return ms;
  },

  async createAtOnce({ name, count }) {
    const avatar = await createAvatar({ name });
    const ms = await timed(() => Promise.all(Array.from({ length: count }, (_, n) => avatar.docs.create("note", note(n)))));
    await avatar.close();
    return ms;
  },

  async createMany({ name, count }) {
    const avatar = await createAvatar({ name });
    const contents = Array.from({ length: count }, (_, n) => note(n));
    const ms = await timed(() => avatar.docs.createMany("note", contents));
    await avatar.close();
    return ms;
  },

  /** `count` changes, none awaited before the last is made, over 100 documents. Every one is durable at the end. */
  async changes({ name, count }) {
    const avatar = await createAvatar({ name });
    const docs = await Promise.all(Array.from({ length: 100 }, (_, n) => avatar.docs.create("note", note(n))));
    const ms = await timed(async () => {
      const written = [];
      for (let n = 0; n < count; n++) {
        written.push(docs[n % docs.length].change((draft) => void (draft.title = `Changed ${n}`)));
        if (n % EDITS_A_TASK === EDITS_A_TASK - 1) await nextTask();
      }
      await Promise.all(written);
    });
    await avatar.close();
    return ms;
  },

  /** On a node that is up: a query for 50 of all notes, filtered and sorted; and a live query, from the change to its result. */
  async queries({ name, rounds }) {
    const avatar = await createAvatar({ name });
    const query = avatar.docs.query({ type: "note", where: { tags: { contains: "tag3" } }, orderBy: ["-updatedAt"], limit: 50 });
    const matches = (await query.get()).total;
    const once = [];
    for (let round = 0; round < rounds; round++) once.push(await timed(() => query.get()));

    const doc = await avatar.docs.create("note", { title: "live", body: "", tags: ["tag3"] });
    let seen = () => {};
    const off = query.subscribe((results) => seen(results[0]?.value.title));
    const live = [];
    for (let round = 0; round < rounds; round++) {
      const title = `live ${round}`;
      live.push(
        await timed(
          () =>
            new Promise((resolve, reject) => {
              seen = (first) => first === title && resolve();
              doc.change((draft) => void (draft.title = title)).catch(reject);
            }),
        ),
      );
    }
    off();
    const status = await avatar.status();
    await avatar.close();
    return { once, live, matches, loads: status.documents.loads, memoryBytes: status.metaUnit.memoryBytes };
  },

  async trace({ name, limit }) {
    const edits = await keystrokes(limit);
    const avatar = await createAvatar({ name });
    const doc = await avatar.docs.create("note", { title: "trace", body: "" });
    const written = [];
    const editMs = await timed(async () => {
      for (let n = 0; n < edits.length; n++) {
        const [position, deleted, inserted] = edits[n];
        written.push(doc.splice(["body"], position, deleted, inserted));
        if (n % EDITS_A_TASK === EDITS_A_TASK - 1) await nextTask();
      }
      await Promise.all(written);
    });
    assertEqual(doc.value.body, expectedText(edits), "text after the trace");
    const { metaUnit } = await avatar.status();
    await avatar.close();
    return { editMs, id: doc.id, memoryBytes: metaUnit.memoryBytes };
  },

  async credentials({ securing, name, ...times }) {
    const avatar = await createAvatar({ name });
    const answer = await rates(avatar.did, times, {
      issue: (credential) => avatar.credentials.issue(credential, { securing }),
      verify: async (secured) => (await avatar.credentials.verify(secured)).verified,
    });
    await avatar.close();
    return answer;
  },

  /** In a page of its own: nothing of the document is in any memory. */
  async open({ name, id, limit }) {
    const expected = expectedText(await keystrokes(limit));
    const avatar = await createAvatar({ name });
    let doc;
    const loadMs = await timed(async () => {
      doc = await avatar.docs.open(id);
      assertEqual(doc.value.body, expected, "text after the load");
    });
    await avatar.close();
    return { loadMs };
  },
};

/** From the navigation to all titles on the page. */
globalThis.load = async ({ name, count }) => {
  const avatar = await createAvatar({ name });
  const notes = await avatar.docs.query({ type: "note", orderBy: ["title"], select: ["title"] }).get();
  const ms = showTitles(notes.map((row) => row.value.title));
  if (notes.length !== count) throw new Error(`${notes.length} titles instead of ${count}`);
  const status = await avatar.status();
  if (status.documents.loads !== 0) throw new Error(`a list loaded ${status.documents.loads} documents`);
  return { ms, loads: status.documents.loads, memoryBytes: status.metaUnit.memoryBytes };
};
