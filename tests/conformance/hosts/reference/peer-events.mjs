// What happens unasked, for one instance: it waits for next_events, in bounded room (H28).
import { OpErrorCode, OpFailed, Status } from "./status.mjs";

/** Gossip that waits, at most. */
const MAX_GOSSIP = 64;

export class PeerEvents {
  waiting = [];
  toldOpen = new Set();

  local(value) {
    this.add({ case: "local", value });
  }

  opened(value) {
    this.add({ case: "opened", value });
  }

  /** A connection that was not told yet was never there. */
  closed(value) {
    this.waiting = this.waiting.filter((event) => event.case !== "opened" || event.value.connection !== value.connection);
    if (this.toldOpen.delete(value.connection)) this.add({ case: "closed", value });
  }

  /** The oldest goes first, and `lost` stands in its place. */
  gossip(value) {
    this.add({ case: "message", value });
    const messages = this.waiting.filter((event) => event.case === "message");
    if (messages.length <= MAX_GOSSIP) return;
    const at = this.waiting.indexOf(messages[0]);
    const lost = this.waiting.slice(0, at).findLast((event) => event.case === "lost");
    if (!lost) return void this.waiting.splice(at, 1, { case: "lost", value: { messages: 1 } });
    lost.value.messages += 1;
    this.waiting.splice(at, 1);
  }

  add(event) {
    this.waiting.push(event);
    this.deliver();
  }

  /** The result of next_events: what waits, as soon as there is something. */
  next() {
    if (this.asked) this.refuseSecond();
    return new Promise((resolve) => {
      this.asked = resolve;
      this.deliver();
    });
  }

  refuseSecond() {
    throw new OpFailed(Status.BAD_STATE, OpErrorCode.OTHER, "another next_events waits already");
  }

  /** Nobody waits any more. */
  forget() {
    this.asked = undefined;
  }

  deliver() {
    if (!this.asked || this.waiting.length === 0) return;
    const batch = this.waiting.splice(0);
    for (const event of batch) if (event.case === "opened") this.toldOpen.add(event.value.connection);
    this.asked({ events: batch.map((event) => ({ event })) });
    this.asked = undefined;
  }
}
