// The trace of two people who typed into one text at once: put in order here, typed in pages.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { SHARED_DATA } from "./paths.mjs";

export const TWO_AUTHORS = "traces/friendsforever.json.gz";

/**
 * Reads the trace. `characters` are all that were ever typed, in the order in which they stand, as [text, author, number of the edit, author and number of the edit that deleted it];
 * `edits` are each author's, as [edits of the other that the author had seen, the character, whether it is deleted].
 */
export async function readTwoAuthors() {
  const { txns, endContent } = JSON.parse(gunzipSync(await readFile(join(SHARED_DATA, TWO_AUTHORS))));
  const seen = [];
  const edits = [[], []];
  const order = [];
  const sees = (version, [author, number]) => number < version[author];
  for (const { parents, agent, patches } of txns) {
    const version = [0, 1].map((author) => Math.max(0, ...parents.map((parent) => seen[parent][author])));
    const [[position, deleted, inserted]] = patches;
    const number = edits[agent].length;
    let at = 0;
    let left = position + deleted;
    for (; left > 0; at++) if (sees(version, order[at].by) && !(order[at].gone && sees(version, order[at].gone))) left--;
    const character = deleted ? order[at - 1] : { text: inserted, by: [agent, number] };
    if (deleted) character.gone = [agent, number];
    else order.splice(at, 0, character);
    edits[agent].push([version[1 - agent], character, deleted > 0]);
    version[agent] = number + 1;
    seen.push(version);
  }
  order.forEach((character, place) => (character.place = place));
  return {
    endContent,
    characters: order.map(({ text, by, gone }) => [text, ...by, ...(gone ?? [])]),
    edits: edits.map((own) => own.map(([needs, { place }, deletes]) => [needs, place, deletes])),
  };
}

/** Runs in the page: types an author's edits into the text `body` of a document, each as soon as those are there that the author had seen; resolves when all of both are there. */
export async function typeAuthor(id, author, trace) {
  const { characters, edits } = await (await fetch(trace)).json();
  const doc = await globalThis.avatarApp.avatar.docs.open(id);
  const other = 1 - author;
  /** Edits of each that are in the text now. */
  const there = [0, 0];
  /** What is in the text, by place. */
  const shown = characters.map(() => false);
  const show = (whose) => {
    const [, place, deletes] = edits[whose][there[whose]++];
    shown[place] = !deletes;
    return deletes ? -1 : 1;
  };
  const text = () => characters.filter((_, place) => shown[place]).map(([letter]) => letter).join("");
  let wake = () => {};
  const off = doc.subscribe(({ source }) => source === "remote" && wake());

  /** Finds out how many edits of the other have come: so many as make the text what it is. Where a few more make no difference (a letter and its deletion), with these. */
  const MORE = 20;
  const look = () => {
    const { body } = doc.value;
    const [from, before] = [there[other], [...shown]];
    let length = before.filter(Boolean).length;
    let found;
    for (;;) {
      if (length === body.length && text() === body) found = { there: there[other], shown: [...shown] };
      if (there[other] === edits[other].length || (found && there[other] >= found.there + MORE)) break;
      length += show(other);
    }
    there[other] = found?.there ?? from;
    (found?.shown ?? before).forEach((value, place) => (shown[place] = value));
  };

  const BURST = 25;
  const writes = [];
  while (there[author] < edits[author].length || there[other] < edits[other].length) {
    const changed = new Promise((resolve) => (wake = resolve));
    look();
    let typed = 0;
    for (; typed < BURST && there[author] < edits[author].length; typed++) {
      const [needs, place, deletes] = edits[author][there[author]];
      if (needs > there[other]) break;
      let position = 0;
      for (let before = 0; before < place; before++) if (shown[before]) position++;
      writes.push(deletes ? doc.splice(["body"], position, 1) : doc.splice(["body"], position, 0, characters[place][0]));
      show(author);
    }
    if (typed === BURST) await new Promise((resolve) => setTimeout(resolve, 0));
    else if (there[author] < edits[author].length || there[other] < edits[other].length) await changed;
  }
  await Promise.all(writes);
  off();
  await doc.close();
}
