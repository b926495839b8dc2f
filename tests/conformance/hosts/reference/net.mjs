// HTTP under least privilege (net.proto, H17), with the response's body as a stream that has credit (H18).
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { lookup as resolve } from "node:dns";
import { BlockList, isIP } from "node:net";
import { NetRequestSchema, NetResponseSchema } from "../../../../pkg/dist/gen/dao/avatar/v1/net_pb.js";
import { OpErrorCode, OpFailed, Refused, Status } from "./status.mjs";

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const FORBIDDEN_HEADERS = ["connection", "cookie", "expect", "host", "origin", "referer", "te", "trailer", "transfer-encoding", "upgrade", "via", "content-length"];

const PRIVATE = new BlockList();
for (const [net, bits] of [["0.0.0.0", 8], ["10.0.0.0", 8], ["100.64.0.0", 10], ["127.0.0.0", 8], ["169.254.0.0", 16], ["172.16.0.0", 12], ["192.168.0.0", 16], ["198.18.0.0", 15], ["224.0.0.0", 3]]) PRIVATE.addSubnet(net, bits, "ipv4");
for (const [net, bits] of [["::", 96], ["::ffff:0:0", 96], ["fc00::", 7], ["fe80::", 10]]) PRIVATE.addSubnet(net, bits, "ipv6");
const isPrivate = (address) => PRIVATE.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");

const denied = (message) => new OpFailed(Status.DENIED, OpErrorCode.DENIED, message);

export class Net {
  DATA = 2;
  FIN = 3;
  RESET = 4;

  constructor({ loopbackHttp }) {
    this.loopbackHttp = loopbackHttp;
  }

  decode(head) {
    try {
      return fromBinary(NetRequestSchema, head);
    } catch {
      throw new Refused(Status.INVALID);
    }
  }

  /** Throws when the address must not be asked. */
  check(text) {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (!url) throw denied("not an address");
    const host = url.hostname.replace(/^\[|\]$/g, "");
    if (this.loopbackHttp && url.protocol === "http:" && host === "127.0.0.1") return url;
    if (url.protocol !== "https:") throw denied("not https");
    if (url.username || url.password) throw denied("credentials in the address");
    if (isIP(host) ? isPrivate(host) : !host.includes(".") || /\.(local|internal|home\.arpa)\.?$/.test(host)) throw denied("a private address");
    return url;
  }

  headers(request) {
    return Object.fromEntries(request.headers.filter(({ name }) => !FORBIDDEN_HEADERS.includes(name.toLowerCase())).map(({ name, value }) => [name, value]));
  }

  exchange(request, body, tell) {
    return new Exchange(this, request, body, tell);
  }
}

/** A name that leads to a private address is none to ask. */
function publicLookup(name, options, done) {
  resolve(name, options, (error, address, family) => {
    const found = Array.isArray(address) ? address : [{ address }];
    if (!error && found.some((each) => isPrivate(each.address))) return done(denied("the name leads to a private address"));
    done(error, address, family);
  });
}

/** One request with its response. */
export class Exchange {
  credit = 0;
  received = 0;
  waiting = [];
  ended = false;
  over = false;

  constructor(net, request, body, tell) {
    Object.assign(this, { net, request, body, tell });
    this.maxBytes = Number(request.maxResponseBytes) || DEFAULT_MAX_BYTES;
  }

  start() {
    if (this.over) return;
    try {
      const url = this.net.check(this.request.url);
      if (!METHODS.includes(this.request.method)) throw denied("a method that is not allowed");
      const loopback = url.protocol === "http:";
      this.timer = setTimeout(() => this.fail(new OpFailed(Status.IO, OpErrorCode.TIMEOUT, "too late")), this.request.timeoutMs || DEFAULT_TIMEOUT_MS);
      this.call = (loopback ? httpRequest : httpsRequest)(url, { method: this.request.method, headers: this.net.headers(this.request), agent: false, ...(!loopback && { lookup: publicLookup }) });
      this.call.on("response", (response) => this.answered(response));
      this.call.on("error", (error) => this.fail(error instanceof OpFailed ? error : new OpFailed(Status.IO, OpErrorCode.NETWORK, error.message)));
      this.call.end(this.body);
    } catch (error) {
      this.fail(error);
    }
  }

  answered(response) {
    if (response.statusCode >= 300 && response.statusCode < 400) return this.fail(denied("redirected to an address that was not checked"));
    if (Number(response.headers["content-length"] ?? 0) > this.maxBytes) return this.fail(this.tooLarge());
    const headers = Object.entries(response.headers).filter(([name]) => name !== "set-cookie").map(([name, value]) => ({ name, value: String(value) }));
    this.headed = true;
    this.tell.head(toBinary(NetResponseSchema, create(NetResponseSchema, { status: response.statusCode, headers, finalUrl: this.request.url })));
    this.response = response;
    response.on("data", (chunk) => {
      this.received += chunk.length;
      if (this.received > this.maxBytes) return this.fail(this.tooLarge());
      this.waiting.push(chunk);
      response.pause();
      this.pump();
    });
    response.on("end", () => {
      this.ended = true;
      this.pump();
    });
    response.on("error", (error) => this.fail(new OpFailed(Status.IO, OpErrorCode.NETWORK, error.message)));
  }

  tooLarge() {
    return new OpFailed(Status.LIMIT, OpErrorCode.TOO_LARGE, "the response is larger than was asked for");
  }

  grant(bytes) {
    this.credit += bytes;
    setImmediate(() => this.pump());
  }

  allowed(wanted) {
    return Math.min(this.credit, wanted);
  }

  pump() {
    while (!this.over && this.waiting.length > 0) {
      const count = this.allowed(this.waiting[0].length);
      if (count === 0) return;
      this.credit -= count;
      this.tell.event(this.net.DATA, 0, this.waiting[0].subarray(0, count));
      if (count === this.waiting[0].length) this.waiting.shift();
      else this.waiting[0] = this.waiting[0].subarray(count);
    }
    if (this.over) return;
    if (this.ended) {
      this.finish();
      return this.tell.event(this.net.FIN, 0);
    }
    this.response?.resume();
  }

  finish() {
    this.over = true;
    clearTimeout(this.timer);
  }

  fail(failure) {
    if (this.over) return;
    this.finish();
    this.call?.destroy();
    if (this.headed) this.tell.event(this.net.RESET, -failure.status);
    else this.tell.failed(failure);
  }

  /** The instance is gone. */
  abandon() {
    this.abort();
  }

  abort() {
    this.fail(new OpFailed(Status.CANCELLED, OpErrorCode.CANCELLED, "cancelled"));
  }
}
