// Guests that break one MUST each: the Meta Unit, with one export that answers what it should not. They show that the checks look.
const BAD_BUFFER = -2;
const BAD_STATE = -10;
const LIMIT = -4;
const NOT_FOUND = -6;
const HANDLED = 0;

const answered = (returned, status, instead) => (returned === status ? instead : returned);

/** The exports with `name` returning `instead` where it returned `status`. */
const answers = (name, status, instead) => (exports) => ({ ...exports, [name]: (...args) => answered(exports[name](...args), status, instead) });

export const GUEST_MUTANTS = {
  "says yes to buffers that it did not give, as results": { must: "G1", mutate: (exports) => ({ ...exports, yuan_stream_event: (stream, kind, arg, ptr, len) => (ptr === 0x7fff0000 ? HANDLED : exports.yuan_stream_event(stream, kind, arg, ptr, len)) }) },
  "says yes to a completion with a buffer that is gone": { must: "G2", mutate: (exports) => ({ ...exports, yuan_complete: (op, status, ...buffers) => (op === 4711n ? NOT_FOUND : exports.yuan_complete(op, status, ...buffers)) }) },
  "turns before yuan_init": { must: "G3", mutate: (exports) => ({ ...exports, yuan_turn: (budget) => answered(exports.yuan_turn(budget), BigInt(BAD_STATE), 0n) }) },
  "has no limit of requests": { must: "G4", mutate: answers("yuan_handle_request", LIMIT, HANDLED) },
  "forgets to answer what is malformed": { must: "G5", mutate: (exports) => ({ ...exports, yuan_handle_request: (req, ptr, len) => (len === 2 ? HANDLED : exports.yuan_handle_request(req, ptr, len)) }) },
  "knows every request that is to be cancelled": { must: "G6", mutate: answers("yuan_cancel_request", NOT_FOUND, HANDLED) },
  "takes any stream": { must: "G7", mutate: (exports) => ({ ...exports, yuan_stream_event: (stream, kind, arg, ptr, len) => (stream === 44 ? HANDLED : exports.yuan_stream_event(stream, kind, arg, ptr, len)) }) },
};
