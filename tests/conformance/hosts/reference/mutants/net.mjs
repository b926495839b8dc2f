// Net requests and streams: H17 to H19.

export const mutants = {
  "asks loopback unasked": {
    must: "H17",
    fails: ["what the rules forbid"],
    parts: {
      Net: (Base) =>
        class extends Base {
          constructor() {
            super({ loopbackHttp: true });
          }
        },
    },
  },
  "sends every header": {
    must: "H17",
    fails: ["no cookies"],
    parts: {
      Net: (Base) =>
        class extends Base {
          headers({ headers }) {
            return Object.fromEntries(headers.map(({ name, value }) => [name, value]));
          }
        },
    },
  },
  "waits for responses of any size, for any time": {
    must: "H17",
    fails: ["too large or too late"],
    parts: {
      Net: (Base) =>
        class extends Base {
          decode(head) {
            return { ...super.decode(head), timeoutMs: 60_000, maxResponseBytes: 2n ** 40n };
          }
        },
    },
  },
  "sends more than was granted": {
    must: "H18",
    parts: {
      Net: (Base) =>
        class extends Base {
          exchange(...request) {
            const exchange = super.exchange(...request);
            exchange.allowed = (wanted) => wanted;
            return exchange;
          }
        },
    },
  },
  "goes on after a reset": {
    must: "H19",
    fails: ["after a reset"],
    parts: {
      Operations: (Base) =>
        class extends Base {
          streamClose(stream) {
            this.stream(stream);
          }
        },
    },
  },
  "has one more byte after FIN": {
    must: "H19",
    fails: ["after FIN"],
    parts: {
      Operations: (Base) =>
        class extends Base {
          streamEvent(stream, kind, arg, data) {
            super.streamEvent(stream, kind, arg, data);
            if (kind === this.net.FIN) this.tell((boundary) => boundary.streamEvent(stream, this.net.DATA, 0n, Buffer.from([1])));
          }
        },
    },
  },
};
