// Random writes, several at a time, each with a token of its own. A token goes to the test only when the promise of its write has resolved.
import { randomFrom } from "./random.js";

/**
 * Writes until `plan.writes` are done (or for ever).
 *
 * plan: { writer, seed, lanes, writes?, documents: ids that may be written to }
 */
export async function writeAtRandom(avatar, acks, { writer, seed, lanes = 4, writes = Infinity, documents }) {
  const ids = [...documents];
  const open = new Map();
  let tokens = 0;

  const opened = (id) => {
    if (!open.has(id)) open.set(id, avatar.docs.open(id));
    return open.get(id);
  };

  const operations = {
    async create(token) {
      const doc = await avatar.docs.create("entry", { title: token, body: `${token}|`, tokens: [token] });
      open.set(doc.id, Promise.resolve(doc));
      ids.push(doc.id);
      return { created: doc.id };
    },
    async change(token, random) {
      const id = random.pick(ids);
      const doc = await opened(id);
      await doc.change((draft) => {
        draft.tokens.push(token);
        draft.title = token;
      });
      return { changed: id };
    },
    async splice(token, random) {
      const id = random.pick(ids);
      const doc = await opened(id);
      await doc.splice(["body"], 0, 0, `${token}|`);
      return { spliced: id };
    },
    async delete(token, random) {
      const id = ids.splice(random.below(ids.length), 1)[0];
      // From now on the document may be there or not, until the delete is acknowledged.
      await acks.tell({ deleting: id });
      await avatar.docs.delete(id);
      return { deleted: id };
    },
  };

  const choose = (random) => {
    const dice = random.next();
    if (ids.length === 0 || dice < 0.1) return "create";
    if (dice < 0.13 && ids.length > 6) return "delete";
    return dice < 0.55 ? "change" : "splice";
  };

  const lane = async (number) => {
    const random = randomFrom(seed + number * 7919);
    while (tokens < writes) {
      const token = `${writer}.${++tokens}`;
      try {
        await acks.tell({ token, ...(await operations[choose(random)](token, random)) });
      } catch (error) {
        // Another lane, or another tab, may have deleted the document meanwhile.
        if (error.code !== "NOT_FOUND" && error.code !== "CLOSED") {
          await acks.tell({ failed: token, code: error.code ?? null, message: `${error.message}\n${error.stack}` });
          throw error;
        }
      }
    }
  };

  await Promise.all(Array.from({ length: lanes }, (_, number) => lane(number)));
}
