// The checks of avatar_p2p, H24 to H29, with js-libp2p as the peer. A table of their own, because they take a peer each.
import { P2pHost, STATUS, request, same } from "./p2p-host.mjs";
import { PROTOCOLS, pattern, roundTrip, startPeer } from "./p2p-peer.mjs";

const { ECHO, DEAF, SHOUT, GUEST } = PROTOCOLS;

/** A stream's credit, the windows of the multiplexer at both ends, and what sockets hold: more than that nobody buffers for a peer who does not read. */
const MOST_AHEAD_BYTES = 32 * 1024 * 1024;

/** Gossip that waits and that nobody asks for: more than that nobody keeps. */
const MOST_GOSSIP_BYTES = 4 * 1024 * 1024;

/** Runs with a host that has peers, and a peer (p2p-peer.mjs) beside it. */
function withPeer(run, options) {
  return async (session) => {
    const host = new P2pHost(session);
    // Skips where the host has no peers, before one is started.
    await host.number();
    const peer = await startPeer(options);
    try {
      await run(host, peer, session);
    } finally {
      await peer.stop();
    }
  };
}

/** By name, what must be INVALID. */
function invalid(peer) {
  const long = (length) => "x".repeat(length);
  return {
    "no command": [undefined],
    "a stream of an even number": ["openStream", { peer, protocols: ["/a"], stream: 2 }],
    "a stream of number 0": ["openStream", { peer, protocols: ["/a"], stream: 0 }],
    "a stream from 2³¹ on": ["openStream", { peer, protocols: ["/a"], stream: 2 ** 31 + 1 }],
    "a stream without protocols": ["openStream", { peer, protocols: [], stream: 9_001 }],
    "a stream of nine protocols": ["openStream", { peer, protocols: Array(9).fill("/a"), stream: 9_001 }],
    "a stream to nobody": ["openStream", { peer: new Uint8Array(), protocols: ["/a"], stream: 9_001 }],
    "a peer of 65 bytes": ["disconnect", new Uint8Array(65)],
    "a peer that is none": ["dial", { peer: new Uint8Array(10), addresses: ["/ip4/127.0.0.1/tcp/1/ws"] }],
    "a dial to nobody nowhere": ["dial", {}],
    "65 addresses": ["dial", { addresses: Array(65).fill("/ip4/127.0.0.1/tcp/1/ws") }],
    "an address of 1,025 bytes": ["listen", { addresses: [`/${long(1_024)}`] }],
    "no address to listen on": ["listen", {}],
    "a topic without a name": ["subscribe", { topic: "" }],
    "a topic of 257 bytes": ["subscribe", { topic: long(257) }],
    "gossip of 64,513 bytes": ["publish", { topic: "t", data: new Uint8Array(64_513) }],
    "a key of no bytes": ["find", { key: new Uint8Array() }],
    "a key of 65 bytes": ["advertise", { key: new Uint8Array(65) }],
    "a find of 65": ["find", { key: new Uint8Array(1), limit: 65 }],
    "a protocol without a name": ["acceptProtocol", ""],
  };
}

/** The number that a message begins with. */
const numberOf = ({ data }) => Buffer.from(data).readUInt32LE();

/** The first gossip: all of it that comes in one batch of events. */
async function firstMessages(host) {
  for (;;) {
    const messages = (await host.events()).filter((event) => event.case === "message");
    if (messages.length > 0) return messages.map(({ value }) => value);
  }
}

export const P2P_CHECKS = [
  {
    name: "commands outside the limits of p2p.proto are INVALID",
    cites: ["H24"],
    run: withPeer(async (host, peer) => {
      for (const [words, [name, value]] of Object.entries(invalid(peer.id))) await host.ends(STATUS.INVALID, name, value, words);
      await host.connect(peer);
      const stream = await host.open(peer, ECHO);
      await host.ends(STATUS.INVALID, "openStream", { peer: peer.id, protocols: [ECHO], stream }, "a stream of a number in use");
    }),
  },
  {
    name: "a command that waits can be cancelled, and completes once",
    cites: ["H14"],
    run: withPeer(async (host, _, session) => {
      await host.local();
      await session.pass(request("p2p-cancelled", "nextEvents", {}));
    }),
  },
  {
    name: "the peer id stays, from host to host",
    cites: ["H25"],
    run: withPeer(async (host, _, session) => {
      session.needs("restart", "the host does not claim to keep its database");
      const before = await host.local();
      await session.restart();
      const after = await host.local();
      session.require(same(before.peer, after.peer), "another host on the same database has another peer id");
    }),
  },
  {
    name: "a dial that names a peer is not done with another, and one that names nobody says who answered",
    cites: ["H25"],
    run: withPeer(async (host, peer, session) => {
      const other = await startPeer();
      try {
        const bare = peer.addresses.map((address) => address.replace(/\/p2p\/[^/]+$/, ""));
        const { status } = await host.command("dial", { peer: other.id, addresses: bare });
        session.require(status !== STATUS.OK, "a dial was done by a connection to another peer");
        const { peers } = await host.done("dial", { addresses: bare });
        session.require(same(peers[0].peer, peer.id), "who answered is another than the host says");
        const local = await host.local();
        session.require(peer.connections(local.peer).length > 0, "the peer sees another peer id than the host's own");
      } finally {
        await other.stop();
      }
    }),
  },
  {
    name: "a stream that was not opened has no events",
    cites: ["H26"],
    run: withPeer(async (host, peer, session) => {
      const stream = await host.number();
      const open = { peer: peer.id, protocols: [ECHO], stream };
      await host.ends(STATUS.NOT_FOUND, "openStream", open, "a stream without a connection");
      await host.stream("p2p-untouched", stream);
      await host.connect(peer);
      await host.ends(STATUS.UNSUPPORTED, "openStream", { ...open, protocols: ["/nobody/1"] }, "a protocol that the peer does not know");
      await host.stream("p2p-untouched", stream);
      const { protocol } = await host.done("openStream", { ...open, protocols: ["/nobody/1", ECHO] });
      session.require(protocol === ECHO, `${protocol} was agreed`);
      await host.stream("p2p-echo", stream, 1_000);
      await session.pass("monitor H26");
    }),
  },
  {
    name: "streams of peers come for accepted protocols alone",
    cites: ["H26"],
    run: withPeer(async (host, peer, session) => {
      await host.connect(peer);
      const { peer: own } = await host.local();
      const refused = () => peer.open(own, GUEST).then(() => false, () => true);
      session.require(await refused(), "a stream was taken for a protocol that the guest does not accept");
      await host.done("acceptProtocol", GUEST);
      const stream = await peer.open(own, GUEST);
      const inbound = await host.inbound();
      session.require(inbound.protocol === GUEST && same(inbound.peer, peer.id), "INBOUND says something else of the stream");
      const served = session.pass(`p2p-serve ${inbound.stream}`);
      served.catch(() => undefined);
      const sent = pattern(300_000);
      const back = await roundTrip(stream, sent);
      await served;
      session.require(same(back, sent), "other bytes came back than were sent");
      await host.done("refuseProtocol", GUEST);
      session.require(await refused(), "a stream was taken for a protocol that the guest accepts no longer");
      await session.pass("monitor H26");
    }),
  },
  {
    name: "four million bytes come back whole and in order, and FIN after them",
    cites: ["H18", "H27"],
    run: withPeer(async (host, peer, session) => {
      await host.connect(peer);
      await host.stream("p2p-echo", await host.open(peer, ECHO), 4_000_000);
      await session.pass("monitor H18");
    }),
  },
  {
    name: "bytes for which the guest has no room leave no gap",
    cites: ["H27"],
    run: withPeer(async (host, peer) => {
      await host.connect(peer);
      await host.stream("p2p-roomless", await host.open(peer, ECHO), 200_000);
    }),
  },
  {
    name: "a write beyond the credit is AGAIN, and a peer who does not read holds up the writer",
    cites: ["H27"],
    run: withPeer(async (host, peer) => {
      await host.connect(peer);
      await host.stream("p2p-flood", await host.open(peer, DEAF), MOST_AHEAD_BYTES);
    }),
  },
  {
    name: "a peer who sends without end gets no more through than was granted",
    cites: ["H18"],
    run: withPeer(async (host, peer) => {
      await host.connect(peer);
      await host.stream("p2p-trickle", await host.open(peer, SHOUT), 10_000);
      await peer.streamEnded(SHOUT);
    }),
  },
  {
    name: "events begin with the host itself, and one asks for them at a time",
    cites: ["H28"],
    run: withPeer(async (host, peer, session) => {
      const local = await host.local();
      session.require(local.peer.length > 0, "the host has no peer id");
      const waiting = host.event((event) => event.case === "opened");
      waiting.catch(() => undefined);
      await host.ends(STATUS.BAD_STATE, "nextEvents", {}, "a second next_events");
      await host.connect(peer);
      const opened = await waiting;
      session.require(same(opened.peer, peer.id) && opened.dialled && !opened.relayed && opened.address !== "", "the connection is described otherwise");
      const closed = host.event((event) => event.case === "closed");
      await host.done("disconnect", peer.id);
      session.require((await closed).connection === opened.connection, "another connection was told closed");
    }),
  },
  {
    name: "a connection is told closed only after it was told opened",
    cites: ["H28"],
    run: withPeer(async (host, peer, session) => {
      const { peer: own } = await host.local();
      await host.connect(peer);
      await host.done("disconnect", peer.id);
      await peer.disconnected(own);
      await host.connect(peer);
      const open = new Set();
      const watch = ({ case: name, value }) => {
        if (name === "opened") open.add(value.connection);
        if (name === "closed") session.require(open.delete(value.connection), "a connection was told closed that was not told opened");
        return open.size > 0;
      };
      await host.event(watch);
      await host.done("disconnect", peer.id);
      await host.event((event) => !watch(event));
    }),
  },
  {
    name: "gossip that nobody asks for waits in bounded room: the oldest goes first, and what is missing is told in its place",
    cites: ["H28"],
    run: withPeer(
      async (host, peer, session) => {
        const { gossip } = peer.node.services;
        const size = 60_000;
        const numbered = (nth) => {
          const data = Buffer.alloc(size);
          data.writeUInt32LE(nth);
          return data;
        };
        await host.done("subscribe", { topic: "t" });
        await host.connect(peer);
        const first = firstMessages(host);
        const greeted = await peer.greet("t", first, numbered);
        let next = numberOf((await first).at(-1)) + 1;
        const last = greeted + Math.ceil((3 * MOST_GOSSIP_BYTES) / size);
        for (let nth = greeted; nth <= last; nth += 1) await gossip.publish("t", numbered(nth));
        // What the network and its ends hold back is less than what is too much to keep.
        await peer.sent();
        await host.stream("p2p-echo", await host.open(peer, ECHO), 1_000);
        let lost = 0;
        await host.event(({ case: name, value }) => {
          if (name === "lost") [next, lost] = [next + value.messages, lost + value.messages];
          if (name === "message") {
            const nth = numberOf(value);
            session.require(nth === next, `message ${nth} came where ${next} was due`);
            next += 1;
          }
          return next > last;
        });
        session.require(lost > 0, "all of it waited");
      },
      { gossip: true },
    ),
  },
  {
    name: "a trap resets the streams, and the next instance is told of the connections that stay",
    cites: ["H28", "H29"],
    run: withPeer(async (host, peer, session) => {
      const { peer: own } = await host.local();
      await host.connect(peer);
      await host.done("acceptProtocol", GUEST);
      await host.open(peer, DEAF);
      await session.crashes(session.ask("trap"), "a trap");
      const { error } = await peer.streamEnded(DEAF);
      session.require(error !== undefined, "the peer saw an end, and no reset");
      const [first, ...others] = await host.events();
      session.require(first.case === "local" && same(first.value.peer, own), "the events of the next instance do not begin with the host itself");
      const stayed = peer.connections(own).length > 0;
      const told = others.some((event) => event.case === "opened" && same(event.value.peer, peer.id));
      session.require(!stayed || told, "a connection stays that the next instance is not told of");
      await host.connect(peer);
      const refused = await peer.open(own, GUEST).then(() => false, () => true);
      session.require(refused, "a protocol is accepted that this instance did not ask for");
      await host.stream("p2p-echo", await host.open(peer, ECHO), 100_000);
    }),
  },
];
