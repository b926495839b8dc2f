// The protocols of the tests, as tests/peer/src/streams.rs speaks them.
export const ECHO = "/test/echo/1";
export const SINK = "/test/sink/1";
export const DEAF = "/test/deaf/1";

/** How each is served. */
export const PROTOCOLS = {
  [ECHO]: async (stream) => {
    for await (const part of stream) if (!stream.send(part)) await stream.onDrain();
    await stream.close();
  },
  [SINK]: async (stream) => {
    const total = await drain(stream);
    const answer = new Uint8Array(8);
    new DataView(answer.buffer).setBigUint64(0, BigInt(total));
    stream.send(answer);
    await stream.close();
  },
  [DEAF]: async (stream) => {
    stream.pause();
  },
};

const CHUNK = 64 * 1024;

/** The byte at a place of what is sent. */
const pattern = (at) => at % 251;
const repeated = Uint8Array.from({ length: CHUNK + 251 }, (_, at) => pattern(at));

/** Writes `total` bytes as fast as the stream takes them. */
export async function writePattern(stream, total) {
  for (let sent = 0; sent < total; ) {
    const start = sent % 251;
    const chunk = repeated.slice(start, start + Math.min(CHUNK, total - sent));
    if (!stream.send(chunk)) await stream.onDrain();
    sent += chunk.length;
  }
}

/** Reads to the end and gives the number of bytes. `check` compares them with the pattern; `keep` gets them. */
export async function drain(stream, { check = false, keep } = {}) {
  let total = 0;
  for await (const part of stream) {
    const bytes = part.subarray();
    keep?.push(bytes);
    if (check) {
      const start = total % 251;
      for (let at = 0; at < bytes.length; at += 1) if (bytes[at] !== (start + at) % 251) throw new Error(`byte ${total + at} is another than was sent`);
    }
    total += bytes.length;
  }
  return total;
}
