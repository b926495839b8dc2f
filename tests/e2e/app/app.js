// A page around the facade, for tests that need no user interface. Everything is on globalThis, for the driver to call.
import * as facade from "@dao/avatar";
import { Acks } from "./acks.js";
import { writeAtRandom } from "./writer.js";

globalThis.facade = facade;

/** Starts the page's Avatar, kept as globalThis.avatar. */
globalThis.start = async (options) => {
  globalThis.avatar = await facade.createAvatar(options);
  return avatar.did;
};

/** The outcome of something that may fail, as data that crosses to the test: {value} or {code, name, message}. */
globalThis.outcome = async (work) => {
  try {
    return { value: await work() };
  } catch (error) {
    return { code: error.code ?? null, name: error.name, message: error.message, typed: error instanceof facade.AvatarError, stack: error.stack };
  }
};

/** Everything that the node holds, read both ways: from the index, and from each document itself. */
globalThis.everything = async () => {
  const rows = await avatar.docs.query({}).get();
  const documents = [];
  for (const row of rows) {
    const read = await outcome(async () => {
      const doc = await avatar.docs.open(row.id);
      const value = doc.value;
      await doc.close();
      return value;
    });
    documents.push({ id: row.id, type: row.type, row: row.value, cut: row.cut, value: read.value, error: read.value === undefined ? read : undefined });
  }
  return { documents, status: await avatar.status() };
};

globalThis.startWriting = (plan) => {
  const acks = new Acks(plan.writer);
  globalThis.writing = writeAtRandom(avatar, acks, plan);
  // A page that is closed, or a node that is killed, takes the writer with it; only the acknowledged count.
  writing.catch(() => {});
};

globalThis.ready = true;
