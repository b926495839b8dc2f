// A stream with a peer, with credit both ways (§7).
import { Refused, Status } from "./status.mjs";

/** What a guest may write ahead of the network, in bytes. */
export const WINDOW_BYTES = 256 * 1024;

export const Kind = { OPENED: 1, DATA: 2, FIN: 3, RESET: 4, WRITABLE: 5, INBOUND: 6 };
const How = { FINISH_WRITING: 1, STOP_READING: 2, RESET: 3 };

export class Link {
  credit = WINDOW_BYTES;
  /** What was written and was not given back as credit yet. */
  ahead = 0;
  granted = 0;
  waiting = [];
  reads = true;
  writes = true;

  /** `tell(kind, arg, data)` reaches the guest; `over` is called when the stream's number is free. */
  constructor(stream, tell, over) {
    Object.assign(this, { stream, tell, over });
    this.hold();
    stream.addEventListener("message", ({ data }) => this.arrived(data.subarray()));
    stream.addEventListener("remoteCloseWrite", () => (this.finished = true) && this.pump());
    stream.addEventListener("end", () => this.pump());
    stream.addEventListener("close", ({ error }) => this.closed(error));
    for (const moved of ["drain", "idle"]) stream.addEventListener(moved, () => setImmediate(() => this.account()));
  }

  // ---- bytes to the guest

  hold() {
    if (this.stream.readStatus === "readable") this.stream.pause();
  }

  arrived(bytes) {
    if (!this.reads) return;
    this.waiting.push(bytes);
    this.hold();
    this.pump();
  }

  grant(bytes) {
    this.granted += bytes;
    setImmediate(() => this.pump());
  }

  allowed(wanted) {
    return Math.min(this.granted, wanted);
  }

  pump() {
    while (this.reads && this.waiting.length > 0) {
      const [first] = this.waiting;
      const count = this.allowed(first.length);
      if (count === 0) return;
      this.granted -= count;
      if (count === first.length) this.waiting.shift();
      else this.waiting[0] = first.subarray(count);
      this.deliver(first.subarray(0, count));
    }
    if (!this.reads) return;
    if (this.finished && this.stream.readBufferLength === 0) return this.fin();
    if (this.granted > 0 && this.stream.readStatus === "paused") this.stream.resume();
  }

  deliver(bytes) {
    this.tell(Kind.DATA, 0, bytes);
  }

  fin() {
    this.reads = false;
    this.tell(Kind.FIN, 0);
    this.check();
  }

  // ---- bytes of the guest

  write(bytes) {
    if (!this.writes) throw new Refused(Status.CLOSED);
    const taken = this.taken(bytes);
    this.credit -= taken.length;
    this.ahead += taken.length;
    this.send(taken);
    setImmediate(() => this.account());
    return taken.length;
  }

  /** All of it, or nothing. */
  taken(bytes) {
    if (bytes.length > this.credit) throw new Refused(Status.AGAIN);
    return bytes;
  }

  send(bytes) {
    this.stream.send(bytes);
  }

  /** Gives back as credit what has left. */
  account() {
    const left = this.left();
    if (left <= 0 || !this.writes) return;
    this.ahead -= left;
    this.credit += left;
    this.tell(Kind.WRITABLE, left);
  }

  left() {
    return this.ahead - this.stream.writeBufferLength;
  }

  // ---- ends

  close(how) {
    if (how === How.RESET) return this.reset();
    if (how === How.STOP_READING) this.reads = false;
    if (how === How.FINISH_WRITING && this.writes) {
      this.writes = false;
      // What fails is told by the event of the stream.
      this.stream.close().catch(() => undefined);
    }
    this.check();
  }

  /** Both ways are over. */
  check() {
    if (!this.reads && !this.writes) this.over();
  }

  reset() {
    [this.reads, this.writes] = [false, false];
    this.abort();
    this.over();
  }

  abort() {
    this.stream.abort(new Error("reset by the guest"));
  }

  /** The instance is gone (H29). */
  abandon() {
    this.abort();
  }

  closed(error) {
    if (!this.reads && !this.writes) return;
    // Both ways ended in order: FIN follows what waits for the guest.
    if (!error && this.finished && !this.writes) return;
    [this.reads, this.writes] = [false, false];
    this.tell(Kind.RESET, -Status.IO);
    this.over();
  }
}
