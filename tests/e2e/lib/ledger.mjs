// What the browser promised, as the world outside knows it; and the check that it kept its word.
import { EventEmitter, once } from "node:events";

export class Ledger {
  /** id → tokens that must be in the document's list, and in its text. */
  #changed = new Map();
  #spliced = new Map();
  /** Acknowledged deletions, and those that were asked for. */
  #deleted = new Set();
  #deleting = new Set();
  #acks = new EventEmitter();
  failures = [];
  /** The browser is being killed: its parts die one after another, and a tab that lives a moment longer sees its writes fail. Those were never promised. */
  dying = false;
  count = 0;

  /** Handler for the fixture's POST /acks. */
  take = (facts) => {
    for (const fact of facts) {
      if (fact.failed) {
        if (!this.dying) this.failures.push(fact);
      } else if (fact.deleting) this.#deleting.add(fact.deleting);
      else this.#acknowledge(fact);
    }
    this.#acks.emit("acks");
  };

  #acknowledge({ token, created, changed, spliced, deleted }) {
    this.count++;
    const note = (map, id) => map.set(id, [...(map.get(id) ?? []), token]);
    if (created) {
      note(this.#changed, created);
      note(this.#spliced, created);
    } else if (changed) note(this.#changed, changed);
    else if (spliced) note(this.#spliced, spliced);
    else if (deleted) this.#deleted.add(deleted);
  }

  /** Resolves when `count` writes more than now were acknowledged. */
  async acknowledged(count) {
    const target = this.count + count;
    while (this.count < target) {
      if (this.failures.length > 0) throw new Error(`a write failed: ${JSON.stringify(this.failures[0])}`);
      await once(this.#acks, "acks");
    }
  }

  /** Documents that were created, and that nobody asked to delete. */
  get documents() {
    return [...new Set([...this.#changed.keys(), ...this.#spliced.keys()])].filter((id) => !this.#deleting.has(id));
  }

  /**
   * Compares with what the node holds (globalThis.everything of the fixture). Gives what is wrong, in words; nothing when all is as promised.
   */
  broken({ documents, status }) {
    const wrong = [];
    const held = new Map(documents.map((document) => [document.id, document]));
    for (const { id, error } of documents) if (error) wrong.push(`${id} cannot be opened: ${error.code} ${error.message}`);
    for (const id of this.#deleted) if (held.has(id)) wrong.push(`${id} is back, though its deletion was acknowledged`);
    for (const id of this.documents) if (!held.has(id)) wrong.push(`${id} is gone`);
    for (const { id, row, value } of documents) {
      if (!value) continue;
      const inText = value.body.split("|").filter(Boolean);
      for (const [what, present, promised] of [
        ["list", value.tokens, this.#changed.get(id)],
        ["text", inText, this.#spliced.get(id)],
      ]) {
        const there = new Set(present);
        const lost = (promised ?? []).filter((token) => !there.has(token));
        if (lost.length > 0) wrong.push(`${id}: its ${what} lost ${lost.join(" ")}`);
        if (there.size !== present.length) wrong.push(`${id}: its ${what} has ${present.filter((token, n) => present.indexOf(token) !== n).join(" ")} twice`);
      }
      if (row.title !== value.title) wrong.push(`${id}: the index says title ${row.title}, the document ${value.title}`);
    }
    if (status.documents.corrupt > 0) wrong.push(`${status.documents.corrupt} corrupt documents`);
    if (status.documents.total !== documents.length) wrong.push(`status counts ${status.documents.total} documents, the index lists ${documents.length}`);
    return wrong;
  }
}
