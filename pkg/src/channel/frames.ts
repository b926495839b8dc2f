/**
 * The frames that run between a client and its host (`client.proto`), by hand: one message of each task passes here.
 * The tests compare with the generated code.
 *
 * @module
 */
import {
  readHostFailed,
  readHostReady,
  readHostResponse,
  readHostRestarted,
  type HostFailed,
  type HostReady,
  type HostResponse,
  type HostRestarted,
} from "./messages.js";
import { Reader, tagOf, WireType, writeUint53, type Writer } from "./wire.js";

const FRAME = tagOf(1, WireType.LengthDelimited);
const CALL = tagOf(1, WireType.Varint);
const REQUEST = tagOf(2, WireType.LengthDelimited);
const CANCEL = tagOf(3, WireType.Varint);
const HOST_REQUEST = tagOf(4, WireType.LengthDelimited);

/** Adds `{call, request}` to a ClientBatch. */
export function writeRequestFrame(batch: Writer, call: number, request: Uint8Array): void {
  batch.uint32(FRAME).fork();
  batch.uint32(CALL);
  writeUint53(batch, call);
  batch.uint32(REQUEST).bytes(request);
  batch.join();
}

/** Adds `{call, cancel}` to a ClientBatch. */
export function writeCancelFrame(batch: Writer, call: number): void {
  batch.uint32(FRAME).fork();
  batch.uint32(CALL);
  writeUint53(batch, call);
  batch.uint32(CANCEL).bool(true);
  batch.join();
}

/** Adds `{call, host}` to a ClientBatch. */
export function writeHostFrame(batch: Writer, call: number, request: HostRequest): void {
  batch.uint32(FRAME).fork();
  batch.uint32(CALL);
  writeUint53(batch, call);
  batch.uint32(HOST_REQUEST).fork();
  switch (request.ask) {
    case "status":
      batch.uint32(tagOf(1, WireType.LengthDelimited)).fork().join();
      break;
    case "persisted":
      batch.uint32(tagOf(2, WireType.LengthDelimited)).fork();
      if (request.persisted) batch.uint32(tagOf(1, WireType.Varint)).bool(true);
      batch.join();
      break;
    case "close":
      batch.uint32(tagOf(3, WireType.LengthDelimited)).fork().join();
      break;
  }
  batch.join();
  batch.join();
}

/** What is asked of the host itself. */
export type HostRequest = { ask: "status" } | { ask: "persisted"; persisted: boolean } | { ask: "close" };

/** A frame from the host. `payload` of a response or event is still encoded. */
export interface HostFrame {
  call: number;
  more: boolean;
  frame:
    | { case: "response" | "event"; value: Uint8Array }
    | { case: "host"; value: HostResponse }
    | { case: "ready"; value: HostReady }
    | { case: "failed"; value: HostFailed }
    | { case: "restarted"; value: HostRestarted }
    | { case: undefined; value?: undefined };
  /** 1-based index into the message's bodies; 0 = none. */
  body: number;
}

/** The frames of a HostBatch. @throws RangeError when the bytes are none. */
export function readHostBatch(bytes: Uint8Array): HostFrame[] {
  const reader = new Reader(bytes);
  const frames: HostFrame[] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === FRAME) frames.push(readHostFrame(reader));
    else reader.skipTag(tag);
  }
  return frames;
}

function readHostFrame(reader: Reader): HostFrame {
  const frame: HostFrame = { call: 0, more: false, frame: { case: undefined }, body: 0 };
  const end = reader.end();
  while (reader.pos < end) {
    const tag = reader.uint32();
    switch (tag >>> 3) {
      case 1:
        frame.call = reader.uint53();
        break;
      case 2:
        frame.more = reader.bool();
        break;
      case 3:
        frame.frame = { case: "response", value: reader.bytes() };
        break;
      case 4:
        frame.frame = { case: "event", value: reader.bytes() };
        break;
      case 5:
        frame.frame = { case: "host", value: readHostResponse(reader.bytes()) };
        break;
      case 6:
        frame.frame = { case: "ready", value: readHostReady(reader.bytes()) };
        break;
      case 7:
        frame.frame = { case: "failed", value: readHostFailed(reader.bytes()) };
        break;
      case 8:
        frame.frame = { case: "restarted", value: readHostRestarted(reader.bytes()) };
        break;
      case 9:
        frame.body = reader.uint32();
        break;
      default:
        reader.skipTag(tag);
    }
  }
  return frame;
}
