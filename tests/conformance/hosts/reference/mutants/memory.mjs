// Buffers: H1 to H5.

export const mutants = {
  "writes a byte behind each buffer": {
    must: "H1",
    fails: ["stays inside", "has no buffer"],
    parts: {
      Boundary: (Base) =>
        class extends Base {
          write(ptr, bytes) {
            super.write(ptr, bytes);
            this.memory()[ptr + bytes.length] = 0;
          }
        },
    },
  },
  "reads a byte too many of one size of answer": {
    must: "H1",
    fails: ["of every size arrive"],
    parts: {
      Boundary: (Base) =>
        class extends Base {
          calls() {
            const calls = super.calls();
            const longer = (len) => (len === 65_537 ? len + 1 : len);
            return { ...calls, avatar_respond: (req, flags, head, headLen, body, bodyLen) => calls.avatar_respond(req, flags, head, headLen, body, longer(bodyLen)) };
          }
        },
    },
  },
  "dies of a pointer that lies": {
    must: "H1",
    fails: ["harms only itself"],
    parts: {
      Host: (Base) =>
        class extends Base {
          crashed(error) {
            if (error instanceof RangeError && !/stack/.test(error.message)) throw error;
            super.crashed(error);
          }
        },
    },
  },
  "writes where there is no buffer": {
    must: "H1",
    fails: ["has no buffer"],
    parts: {
      Boundary: (Base) =>
        class extends Base {
          give(bytes) {
            return super.give(bytes) ?? 0;
          }
        },
    },
  },
  "looks at the memory before yuan_alloc": {
    must: "H2",
    fails: ["inside yuan_alloc"],
    parts: {
      Boundary: (Base) =>
        class extends Base {
          memory() {
            return this.stale ?? super.memory();
          }
          init(hello) {
            const status = super.init(hello);
            this.isUp = true;
            return status;
          }
          give(bytes) {
            if (this.isUp) this.stale = super.memory();
            try {
              return super.give(bytes);
            } finally {
              this.stale = undefined;
            }
          }
        },
    },
  },
  "looks at the memory before yuan_turn": {
    must: "H2",
    fails: ["grows in a turn"],
    parts: {
      Boundary: (Base) =>
        class extends Base {
          memory() {
            return this.stale ?? super.memory();
          }
          turn(budgetUs) {
            this.stale = super.memory();
            try {
              return super.turn(budgetUs);
            } finally {
              this.stale = undefined;
            }
          }
        },
    },
  },
  "looks at lent buffers later": {
    must: "H3",
    parts: {
      Boundary: (Base) =>
        class extends Base {
          copy(lent) {
            return lent;
          }
        },
      Host: (Base) =>
        class extends Base {
          deliver(...answer) {
            setImmediate(() => super.deliver(...answer));
          }
        },
    },
  },
  "takes what there is of a lent buffer": {
    must: "H4",
    parts: {
      Boundary: (Base) =>
        class extends Base {
          lent(ptr, len) {
            const memory = this.memory();
            return super.lent(Math.min(ptr >>> 0, memory.length), Math.min(len >>> 0, Math.max(0, memory.length - (ptr >>> 0))));
          }
        },
    },
  },
  "writes into a buffer that it gave away": {
    must: "H5",
    parts: {
      Boundary: (Base) =>
        class extends Base {
          write(ptr, bytes) {
            super.write(ptr, bytes);
            this.given = ptr;
          }
          turn(budgetUs) {
            if (this.given) this.memory()[this.given] = 0;
            this.given = undefined;
            return super.turn(budgetUs);
          }
        },
    },
  },
};
