// Tells the test, outside the browser, what was promised in here: only what left this page before the browser died was promised to anybody.

export class Acks {
  #queue = [];
  #sending;
  #writer;

  constructor(writer) {
    this.#writer = writer;
  }

  /** Notes something that happened; resolves when the test has it. */
  async tell(fact) {
    this.#queue.push({ writer: this.#writer, ...fact });
    this.#sending ??= this.#send();
    await this.#sending;
  }

  async #send() {
    while (this.#queue.length > 0) {
      const facts = this.#queue.splice(0);
      await fetch("/acks", { method: "POST", body: JSON.stringify(facts) });
    }
    this.#sending = undefined;
  }
}
