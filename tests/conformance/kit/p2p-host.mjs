// A host under check, as a node among peers: commands in, results out, by the conformance guest.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { OpErrorSchema } from "../../../pkg/dist/gen/dao/avatar/v1/abi_pb.js";
import { P2pCommandSchema, P2pInboundSchema, P2pResultSchema } from "../../../pkg/dist/gen/dao/avatar/v1/p2p_pb.js";
import { Failed } from "./adapter.mjs";

/** AbiStatus of abi.proto, as functions return it. */
export const STATUS = { OK: 0, INVALID: -1, UNSUPPORTED: -3, NOT_FOUND: -6, DENIED: -7, CANCELLED: -9, BAD_STATE: -10 };

const nameOf = (status) => Object.keys(STATUS).find((name) => STATUS[name] === status) ?? `status ${status}`;

/** The request that submits this command by `by`, a check of the guest. */
export function request(by, name, value) {
  const command = toBinary(P2pCommandSchema, create(P2pCommandSchema, name ? { command: { case: name, value } } : {}));
  return Buffer.concat([Buffer.from(`${by} `), command]);
}

/** A session (session.mjs) whose host reaches peers. */
export class P2pHost {
  constructor(session) {
    this.session = session;
  }

  /** Submits a command; resolves with `{status, result}` or `{status, error}`. */
  async command(name, value) {
    const [part] = await this.session.pass(request("p2p-command", name, value));
    const status = part.readInt32LE(0);
    const head = part.subarray(4);
    if (status === STATUS.OK) return { status, result: fromBinary(P2pResultSchema, head) };
    return { status, error: head.length > 0 ? fromBinary(OpErrorSchema, head).message : "refused at the call" };
  }

  /** Submits a command that must be done. */
  async done(name, value) {
    const { status, result, error } = await this.command(name, value);
    if (status !== STATUS.OK) throw new Failed(`${name} ended with ${nameOf(status)} (${error})`);
    return result;
  }

  /** Submits a command that must end with this status. */
  async ends(status, name, value, words) {
    const ended = await this.command(name, value);
    if (ended.status !== status) throw new Failed(`${words}: ${nameOf(ended.status)} (${ended.error ?? "done"}) and not ${nameOf(status)}`);
  }

  /** Connects to a peer, by whatever of its addresses the host has a transport for. */
  async connect({ id, addresses }) {
    const { peers } = await this.done("dial", { peer: id, addresses });
    if (!peers[0] || !same(peers[0].peer, id)) throw new Failed("a dial that names a peer was done with another");
  }

  /** A number that no stream had before. */
  async number() {
    const [text] = await this.session.pass("p2p-number");
    return Number(text.toString());
  }

  /** Opens a stream, and returns its number. */
  async open({ id }, protocol) {
    const stream = await this.number();
    const { protocol: agreed } = await this.done("openStream", { peer: id, protocols: [protocol], stream });
    if (agreed !== protocol) throw new Failed(`${protocol} was asked for and ${agreed} agreed`);
    return stream;
  }

  /** The next stream that a peer opens. */
  async inbound() {
    const [part] = await this.session.pass("p2p-inbound");
    return { stream: part.readInt32LE(0), ...fromBinary(P2pInboundSchema, part.subarray(4)) };
  }

  /** The next event that `is` takes; those before it are passed over. */
  async event(is) {
    for (;;) {
      const { events } = await this.done("nextEvents", {});
      for (const { event } of events) if (is(event)) return event.value;
    }
  }

  /** The events of the next batch, as `{case, value}`. */
  async events() {
    const { events } = await this.done("nextEvents", {});
    return events.map(({ event }) => event);
  }

  /** The host itself: the first event of an instance. */
  async local() {
    const [first] = await this.events();
    if (first?.case !== "local") throw new Failed(`the first event of an instance is ${first?.case}, and not local`);
    return first.value;
  }

  /** What a check of the guest says about a stream. */
  async stream(check, stream, ...numbers) {
    const [part] = await this.session.pass([check, stream, ...numbers].join(" "));
    return part?.toString();
  }
}

/** Whether two are the same bytes. */
export function same(one, other) {
  return Buffer.from(one).equals(Buffer.from(other));
}
