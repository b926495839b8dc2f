// The life of instances: H6 to H8.

export const mutants = {
  "does not read avatar:abi": {
    must: "H6",
    parts: {
      Boundary: (Base) =>
        class extends Base {
          static check() {}
        },
    },
  },
  "answers one of those that were in flight": {
    must: "H7",
    fails: ["yuan_turn ends", "yuan_alloc does", "yuan_handle_request does", "yuan_complete does", "used up", "never called again"],
    parts: {
      Host: (Base) =>
        class extends Base {
          crashed(error) {
            this.requests = new Map([...this.requests].slice(0, 1));
            super.crashed(error);
          }
        },
    },
  },
  "starts anew with empty storage": {
    must: "H7",
    fails: ["is there after a trap"],
    parts: {
      Host: (Base) =>
        class extends Base {
          drop() {
            super.drop();
            this.store = new this.parts.Store();
          }
        },
    },
  },
  "calls an instance that has trapped": {
    must: "H7",
    fails: ["never called again"],
    parts: {
      Host: (Base) =>
        class extends Base {
          drop() {
            const { boundary } = this.instance;
            super.drop();
            setImmediate(() => {
              try {
                boundary.turn(0);
              } catch {
                // It traps again, or not: it had no business to be called.
              }
            });
          }
        },
    },
  },
  "throws at text that is no UTF-8": {
    must: "H7",
    fails: ["no exception out of an import"],
    parts: {
      Boundary: (Base) =>
        class extends Base {
          imports() {
            const log = (ptr, len) => {
              let bytes;
              try {
                bytes = this.take(ptr, len);
              } catch {
                return;
              }
              new TextDecoder("utf-8", { fatal: true }).decode(bytes);
            };
            return { ...super.imports(), avatar_log: (level, ptr, len) => log(ptr, len), avatar_panic: log };
          }
        },
    },
  },
  "forgets what has crashed it": {
    must: "H8",
    fails: ["quarantined"],
    parts: {
      Host: (Base) =>
        class extends Base {
          isQuarantined() {
            return false;
          }
        },
    },
  },
  "starts again for ever": {
    must: "H8",
    fails: ["crash loop"],
    parts: {
      Host: (Base) =>
        class extends Base {
          isLoop() {
            return false;
          }
        },
    },
  },
  "starts again without a pause": {
    must: "H8",
    fails: ["crash loop"],
    parts: {
      Host: (Base) =>
        class extends Base {
          pauseMs() {
            return 0;
          }
        },
    },
  },
};
