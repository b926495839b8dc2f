// A host: instances one after another over one store, requests from their arrival to their last answer, and what follows a trap (H7 to H11).
import { create, toBinary } from "@bufbuild/protobuf";
import { Capability, HostHelloSchema } from "../../../../pkg/dist/gen/dao/avatar/v1/abi_pb.js";
import { ErrorCode, ResponseSchema } from "../../../../pkg/dist/gen/dao/avatar/v1/request_pb.js";
import { MAX_BUFFER_BYTES } from "./boundary.mjs";
import { MAX_OPS } from "./operations.mjs";
import { Refused, Status } from "./status.mjs";

const TURN_BUDGET_US = 8_000;
const CLOSE_PATIENCE_US = 2_000_000;
/** So many crashes within so long are a loop. */
const LOOP = { crashes: 6, withinMs: 30_000 };
const PAUSES_MS = [0, 20, 80, 160, 320];

export class Host {
  requests = new Map();
  queue = [];
  crashes = [];
  suspects = new Map();
  lastReq = 0;
  standing = "up";

  /** `parts` are the classes that it is made of; `events` is who hears the answers; `options.medium` is what a host before it has left. */
  constructor(parts, module, options, events) {
    Object.assign(this, { parts, module, events });
    this.store = options.medium?.store ?? new parts.Store();
    this.keys = options.medium?.keys ?? new parts.Keys();
    this.net = new parts.Net(options);
    this.p2p = new parts.P2p(options.medium?.p2p.key);
  }

  static async start(parts, module, options, events) {
    parts.Boundary.check(module);
    const host = new parts.Host(parts, module, options, events);
    await host.startInstance();
    return host;
  }

  // ---- instances

  async startInstance() {
    const operations = new this.parts.Operations(this, () => this.wake());
    const boundary = new this.parts.Boundary(this.world(operations));
    await boundary.instantiate(this.module);
    if (this.standing !== "up") return;
    this.instance = { boundary, operations };
    const status = boundary.init(this.hello());
    if (status !== Status.OK) throw new Error(`yuan_init returned ${status}`);
    this.wake();
  }

  hello() {
    return toBinary(
      HostHelloSchema,
      create(HostHelloSchema, {
        host: "conformance-reference/0.1.0",
        name: "conformance",
        capabilities: [Capability.STORAGE, Capability.NET, Capability.KEYS, Capability.P2P],
        limits: { maxBufferBytes: MAX_BUFFER_BYTES, maxInflight: MAX_OPS },
      }),
    );
  }

  /** What the imports mean. */
  world(operations) {
    return {
      log: (level, text) => level <= 2 && process.stderr.write(`${text}\n`),
      respond: (req, fin, head, body) => this.respond(req, fin, head, body),
      storage: (op, head, body) => operations.storage(op, head, body),
      netRequest: (op, head, body) => operations.netRequest(op, head, body),
      keys: (op, command) => operations.guard(op, command),
      p2p: (op, command) => operations.reach(op, command),
      cancel: (op) => operations.cancel(op),
      streamWrite: (stream, bytes) => operations.streamWrite(stream, bytes),
      streamGrant: (stream, bytes) => operations.streamGrant(stream, bytes),
      streamClose: (stream, how) => operations.streamClose(stream, how),
    };
  }

  // ---- requests

  /** Takes a request of the kit's. */
  request(id, bytes) {
    this.queue.push({ id, bytes });
    this.wake();
  }

  nextReq() {
    return BigInt(++this.lastReq);
  }

  handOver({ boundary }) {
    while (this.queue.length > 0) {
      const request = this.queue.shift();
      if (this.isQuarantined(request)) {
        this.fail(request.id, ErrorCode.CRASHED, "the request crashed the guest twice");
        continue;
      }
      const req = this.nextReq();
      this.requests.set(req, request);
      const status = boundary.handleRequest(req, request.bytes);
      if (status !== Status.OK) {
        this.requests.delete(req);
        this.fail(request.id, status === Status.LIMIT ? ErrorCode.LIMIT : ErrorCode.INTERNAL, `refused with ${status}`);
      }
    }
  }

  respond(req, fin, head, body) {
    if (req === 0n) return Status.OK;
    const request = this.requests.get(req);
    if (!request) throw new Refused(Status.NOT_FOUND);
    if (fin) this.requests.delete(req);
    this.deliver(request, !fin, head, body);
  }

  deliver({ id }, more, head, body) {
    this.events.response(id, more, head, body);
  }

  fail(id, code, message) {
    const response = create(ResponseSchema, { response: { case: "error", value: { code, message } } });
    this.events.response(id, false, toBinary(ResponseSchema, response), new Uint8Array());
  }

  // ---- turns

  /** Something waits for the guest. */
  wake() {
    this.schedule(0);
  }

  /** The next turn, in a task of its own: the event loop runs between turns (H9). */
  schedule(delayMs) {
    clearTimeout(this.timer);
    if (this.due) return;
    if (delayMs > 0) {
      this.timer = setTimeout(() => this.turn(), delayMs);
      return;
    }
    this.due = true;
    setImmediate(() => {
      this.due = false;
      this.turn();
    });
  }

  turn() {
    if (!this.instance || this.standing === "stopped") return;
    try {
      const next = this.work(this.instance);
      this.afterTurn(next);
    } catch (error) {
      this.crashed(error);
    }
  }

  work(instance) {
    const { boundary, operations } = instance;
    for (let event = operations.events.shift(); event; event = operations.events.shift()) event(boundary);
    if (this.standing === "up") this.handOver(instance);
    return boundary.turn(TURN_BUDGET_US);
  }

  afterTurn(next) {
    if (next >= 0) return this.schedule(next / 1_000);
    if (this.standing === "closing" && this.instance.operations.pending.size === 0) this.end();
  }

  // ---- ends

  crashed(error) {
    process.stderr.write(`the guest crashed: ${error}\n`);
    this.drop();
    const inFlight = [...this.requests.values()];
    this.requests.clear();
    if (inFlight.length === 1) this.suspect(inFlight[0]);
    for (const { id } of inFlight) this.fail(id, ErrorCode.CRASHED, String(error));
    this.crashes = [...this.crashes.filter((at) => Date.now() - at < LOOP.withinMs), Date.now()];
    if (this.isLoop()) return this.giveUp();
    setTimeout(() => this.startInstance().catch((reason) => this.giveUp(reason)), this.pauseMs());
  }

  /** The dead instance is never called again (H7). */
  drop() {
    this.instance.operations.abandon();
    this.instance = undefined;
    clearTimeout(this.timer);
  }

  isLoop() {
    return this.crashes.length >= LOOP.crashes;
  }

  pauseMs() {
    return PAUSES_MS[Math.min(this.crashes.length, PAUSES_MS.length) - 1];
  }

  suspect({ bytes }) {
    const key = bytes.toString("latin1");
    this.suspects.set(key, (this.suspects.get(key) ?? 0) + 1);
  }

  isQuarantined({ bytes }) {
    return (this.suspects.get(bytes.toString("latin1")) ?? 0) >= 2;
  }

  giveUp(reason = "the guest crashes again and again") {
    this.standing = "stopped";
    for (const { id } of this.queue.splice(0)) this.fail(id, ErrorCode.CRASHED, String(reason));
    this.events.stopped(String(reason));
  }

  /** Ends the host in order: what is in flight is answered. */
  async stop() {
    if (this.standing !== "up" || !this.instance) {
      this.standing = "stopped";
      return this.p2p.stop();
    }
    this.standing = "closing";
    const ended = new Promise((resolve) => (this.end = resolve));
    const patience = new Promise((resolve) => (this.patience = setTimeout(resolve, CLOSE_PATIENCE_US / 1_000)));
    try {
      this.instance.boundary.shutdown(CLOSE_PATIENCE_US);
      this.wake();
      await Promise.race([ended, patience]);
    } catch {
      // A guest that traps at its end has ended too.
    }
    clearTimeout(this.patience);
    this.drop();
    this.standing = "stopped";
    await this.p2p.stop();
  }
}
