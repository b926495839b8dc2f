// What a check has in its hands: one host, freshly started, and the words for what must be.
import { Failed, Skipped } from "./adapter.mjs";

/** ErrorCode of request.proto. */
export const CRASHED = 11;

/** One host during one check. */
export class Session {
  #adapter;
  #guest;

  constructor(adapter, guest, server, claims) {
    this.#adapter = adapter;
    this.#guest = guest;
    /** The kit's web server. */
    this.server = server;
    this.claims = claims;
  }

  /** Starts the guest. */
  async start(options) {
    const answer = await this.#adapter.start(this.#guest, options);
    if (answer.refused) throw new Failed(`conformance.wasm was refused: ${answer.refused}`);
  }

  /** Ends the host in order, and starts the next one on the same database. */
  async restart() {
    await this.#adapter.stop();
    await this.start({ keep: true });
  }

  /** Requires that a module is refused. */
  async refuses(file) {
    const answer = await this.#adapter.start(file);
    if (!answer.refused) throw new Failed("the module was not refused");
  }

  /** Sends a request, a string or bytes; resolves with `{parts, error, words}` of its answers. */
  ask = (request) => this.#adapter.ask(request);

  /** Requires the verdict `pass`; resolves with the answers before it. */
  async pass(request) {
    const { parts, error, words } = await this.ask(request);
    if (error !== undefined) throw new Failed(`"${request}" was answered with the error ${error}`);
    if (words.startsWith("skip: ")) throw new Skipped(words.slice(6));
    if (words !== "pass") throw new Failed(words.replace(/^fail: /, "") || "the answer has no body");
    return parts;
  }

  /** Requires the answer CRASHED. */
  async crashes(answer, what) {
    const { error, words } = await answer;
    if (error !== CRASHED) throw new Failed(`${what} was answered with ${error === undefined ? `"${words}"` : `the error ${error}`} instead of CRASHED`);
  }

  /** The 16 bytes that this instance has alone. */
  async identity() {
    const [identity] = await this.pass("identity");
    return identity.toString("hex");
  }

  /** Skips the check on a host that does not say that it does this. */
  needs(claim, words) {
    if (!this.claims.includes(claim)) throw new Skipped(words);
  }

  /** There is nothing to check on this host. */
  skip(words) {
    throw new Skipped(words);
  }

  require(claim, words) {
    if (!claim) throw new Failed(words);
  }

  /** Why the host said that it cannot go on. */
  get stopped() {
    return this.#adapter.stopped;
  }

  /** An answer that nobody had asked for. */
  get unasked() {
    return this.#adapter.unasked;
  }
}
