// Peers: H24 to H29, and what else holds for their commands and streams. They fail checks of kit/p2p-checks.mjs: what they change no other check reaches.
import { Kind } from "../link.mjs";

/** Other checks carry less over one stream: what breaks behind this breaks them not. */
const FAR_BYTES = 1_000_000;

const mutant = (must, fails, part, change) => ({ must, fails, parts: { [part]: change } });

export const mutants = {
  "takes commands to peers of any size": mutant(
    "H24",
    undefined,
    "P2p",
    (Base) =>
      class extends Base {
        isWithinLimits({ case: what }) {
          return what !== undefined;
        }
      },
  ),
  "takes a command to peers that is none": mutant(
    "H24",
    undefined,
    "P2p",
    (Base) =>
      class extends Base {
        isWithinLimits({ case: what, value }) {
          return what === undefined || super.isWithinLimits({ case: what, value });
        }
        async run(command, session) {
          return command.case ? super.run(command, session) : { head: new Uint8Array() };
        }
      },
  ),
  "opens two streams under one number": mutant(
    "H24",
    undefined,
    "P2p",
    (Base) =>
      class extends Base {
        minds() {
          return false;
        }
      },
  ),
  "hears no cancel of what it asks peers": mutant(
    "H14",
    ["can be cancelled"],
    "P2p",
    (Base) =>
      class extends Base {
        cancel() {
          return false;
        }
      },
  ),
  "is another peer after each start": mutant(
    "H25",
    ["the peer id stays"],
    "P2p",
    (Base) =>
      class extends Base {
        constructor() {
          super();
        }
      },
  ),
  "takes whoever answers for the peer that was named": mutant(
    "H25",
    ["a dial that names"],
    "P2p",
    (Base) =>
      class extends Base {
        targets(peer, addresses) {
          return super.targets(addresses.length === 0 ? peer : undefined, addresses);
        }
      },
  ),
  "says of nobody who answered": mutant(
    "H25",
    ["a dial that names"],
    "P2p",
    (Base) =>
      class extends Base {
        async dial(node, dial) {
          const result = await super.dial(node, dial);
          return dial.peer.length > 0 ? result : { peers: [{ ...result.peers[0], peer: node.peerId.toMultihash().bytes }] };
        }
      },
  ),
  "tells of streams that it does not open": mutant(
    "H26",
    ["was not opened"],
    "Operations",
    (Base) =>
      class extends Base {
        reach(op, bytes) {
          super.reach(op, bytes);
          const { case: what, value } = this.p2p.decode(bytes);
          if (what === "openStream") this.tellOf(value.stream, Kind.OPENED, 0);
        }
      },
  ),
  "goes on taking streams of a protocol": mutant(
    "H26",
    ["for accepted protocols alone"],
    "P2p",
    (Base) =>
      class extends Base {
        async refuseProtocol() {}
      },
  ),
  "says nothing of who opened a stream": mutant(
    "H26",
    ["for accepted protocols alone"],
    "P2p",
    (Base) =>
      class extends Base {
        head({ protocol, connection }) {
          return super.head({ protocol, connection });
        }
      },
  ),
  "mixes up bytes of a long stream": mutant(
    "H27",
    ["whole and in order"],
    "Link",
    (Base) =>
      class extends Base {
        told = 0;
        deliver(bytes) {
          this.told += bytes.length;
          super.deliver(this.told > FAR_BYTES ? bytes.slice().reverse() : bytes);
        }
      },
  ),
  "ends a long stream before its last bytes": mutant(
    "H27",
    ["whole and in order"],
    "Link",
    (Base) =>
      class extends Base {
        told = 0;
        deliver(bytes) {
          this.told += bytes.length;
          super.deliver(bytes);
          if (this.told > FAR_BYTES && this.reads) this.fin();
        }
      },
  ),
  "forgets bytes for which there is no room": mutant(
    "H27",
    ["leave no gap"],
    "Operations",
    (Base) =>
      class extends Base {
        giveUp() {}
      },
  ),
  "takes what fits of a write": mutant(
    "H27",
    ["beyond the credit"],
    "Link",
    (Base) =>
      class extends Base {
        taken(bytes) {
          return bytes.subarray(0, this.credit);
        }
      },
  ),
  "buffers for a peer who does not read": mutant(
    "H27",
    ["beyond the credit"],
    "Link",
    (Base) =>
      class extends Base {
        left() {
          return this.ahead;
        }
      },
  ),
  "sends more of peers than was granted": mutant(
    "H18",
    undefined,
    "Link",
    (Base) =>
      class extends Base {
        allowed(wanted) {
          if (this.granted > 0) this.granted = Math.max(this.granted, wanted);
          return super.allowed(wanted);
        }
      },
  ),
  "lets two wait for events": mutant(
    "H28",
    ["one asks for them at a time"],
    "PeerEvents",
    (Base) =>
      class extends Base {
        refuseSecond() {}
      },
  ),
  "tells the end of connections that it never told of": mutant(
    "H28",
    ["only after it was told opened"],
    "PeerEvents",
    (Base) =>
      class extends Base {
        closed(value) {
          this.toldOpen.add(value.connection);
          super.closed(value);
        }
      },
  ),
  "keeps all gossip": mutant(
    "H28",
    ["in bounded room"],
    "PeerEvents",
    (Base) =>
      class extends Base {
        gossip(value) {
          this.add({ case: "message", value });
        }
      },
  ),
  "says nothing of gossip that it lost": mutant(
    "H28",
    ["in bounded room"],
    "PeerEvents",
    (Base) =>
      class extends Base {
        next() {
          this.waiting = this.waiting.filter((event) => event.case !== "lost");
          return super.next();
        }
      },
  ),
  "does not tell the next instance which connections stay": mutant(
    "H28",
    ["a trap resets"],
    "P2p",
    (Base) =>
      class extends Base {
        connections() {
          return [];
        }
      },
  ),
  "tells of connections before itself": mutant(
    "H28",
    ["a trap resets"],
    "P2p",
    (Base) =>
      class extends Base {
        begin() {
          super.begin();
          this.session?.events.waiting.reverse();
        }
      },
  ),
  "leaves the streams of a dead instance open": mutant(
    "H29",
    ["a trap resets"],
    "Link",
    (Base) =>
      class extends Base {
        abandon() {}
      },
  ),
  "goes on accepting what the last instance accepted": mutant(
    "H29",
    ["a trap resets"],
    "P2p",
    (Base) =>
      class extends Base {
        forgotten() {
          return [];
        }
      },
  ),
};
