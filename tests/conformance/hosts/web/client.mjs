// A client of avatar-web (client.proto), as an adapter needs one: requests out, answers in. Used by the adapters for Node and Chromium.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ClientBatchSchema, HostBatchSchema, HostRequestSchema } from "../../../../pkg/dist/gen/dao/avatar/v1/client_pb.js";
import { ResponseSchema } from "../../../../pkg/dist/gen/dao/avatar/v1/request_pb.js";

const CLOSE_CALL = 2n ** 60n;

/** `post(batch)` sends an encoded ClientBatch; what the host posts is given to `hear`. */
export class Client {
  #post;
  #events;
  #closed;

  constructor(post, events) {
    this.#post = post;
    this.#events = events;
  }

  #send(frame) {
    this.#post(toBinary(ClientBatchSchema, create(ClientBatchSchema, { frames: [frame] })));
  }

  request(id, bytes) {
    this.#send({ call: BigInt(id), frame: { case: "request", value: bytes } });
  }

  /** Asks the host to close; resolves when it has. */
  close() {
    return new Promise((resolve) => {
      this.#closed = resolve;
      this.#send({ call: CLOSE_CALL, frame: { case: "host", value: create(HostRequestSchema, { request: { case: "close", value: {} } }) } });
    });
  }

  /** One message of the host: an encoded HostBatch, and the bodies beside it. */
  hear(batch, bodies = []) {
    for (const { call, more, frame, body } of fromBinary(HostBatchSchema, batch).frames) {
      if (frame.case === "response") this.#events.response(Number(call), more, frame.value, body > 0 ? bodies[body - 1] : undefined);
      if (frame.case === "host" && call === CLOSE_CALL) this.#closed?.();
      if (frame.case === "failed") {
        this.#events.stopped(frame.value.error?.message || "the host failed");
        this.#closed?.();
      }
    }
  }
}

/** The head of an answer to a request that has no host any more. */
export function failedHead(code, message) {
  return toBinary(ResponseSchema, create(ResponseSchema, { response: { case: "error", value: { code, message } } }));
}
