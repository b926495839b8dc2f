// Ours, through the public facade: two devices of one person and a relay. Everything is durable when it is called done.
import { createAvatar } from "@dao/avatar";
import { assertEqual, note } from "./workload.js";

/** The best connection to the other device. */
const best = ({ connections, devices }) => connections.find(({ id }) => id === devices[0]?.connection);

/** Resolves with the first state of the network, from now on, that fits. */
function until(fits) {
  return new Promise((resolve, reject) => {
    const look = (state) => {
      if (!fits(state)) return;
      off();
      resolve(state);
    };
    const off = avatar.on("peers", look);
    avatar.peers.state().then(look, reject);
  });
}

let avatar;

globalThis.contestant = {
  /** Makes the documents and an invitation; stays online. */
  async first({ name, count, relays }) {
    avatar = await createAvatar({ name, relays });
    await avatar.docs.createMany("note", Array.from({ length: count }, (_, n) => note(n)));
    return (await avatar.peers.invite()).code;
  },

  /** A new device: from the call until the identity is here, and from there until all documents are, durable. `relayed`: whether a relay was still between the devices at the end. */
  async second({ name, count, relays, code }) {
    avatar = await createAvatar({ name, relays });
    const start = performance.now();
    let identityAt;
    await avatar.peers.join(code, {
      name: "Second",
      onProgress: ({ stage }) => {
        if (!["connecting", "finding"].includes(stage)) identityAt ??= performance.now();
      },
    });
    const doneAt = performance.now();
    const relayed = best(await avatar.peers.state())?.relayed;
    const rows = await avatar.docs.query({ type: "note", orderBy: ["title"] }).get();
    assertEqual(rows.total, count, "documents that came");
    for (const n of [0, count - 1]) assertEqual((await avatar.docs.open(rows[n].id)).value.body, note(n).body, "text of a document that came");
    return { joinMs: identityAt - start, documentsMs: doneAt - identityAt, relayed };
  },

  /** On the first device: resolves when the other is gone. */
  async alone() {
    await until(({ devices }) => devices.length === 0);
  },

  /** The second device comes again, in a page of its own, and nothing has changed: until both have the same as far as it knows. */
  async again({ name, relays }) {
    const start = performance.now();
    avatar = await createAvatar({ name, relays });
    const { devices } = await until(({ devices }) => devices.some(({ inSync }) => inSync));
    const syncMs = performance.now() - start;
    assertEqual(devices[0].documentsTotal, 0, "documents that differed");
    return syncMs;
  },

  /**
   * Later: the bytes of the streams between the devices, both ways, as the host counts them: without what libp2p adds. The host tells them with each round trip that it measures, and the first
   * that comes may be of before.
   */
  async streamBytes() {
    for (let turn = 0; turn < 2; turn++) {
      const { roundTripMs } = best(await avatar.peers.state());
      await until((state) => best(state) && best(state).roundTripMs !== roundTripMs);
    }
    const { bytesIn, bytesOut } = best(await avatar.peers.state());
    return bytesIn + bytesOut;
  },
};
