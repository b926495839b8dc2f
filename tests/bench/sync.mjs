// How soon a second device has everything of a first: two browsers with profiles of their own, ours by a relay and directly, automerge-repo by its WebSocket server.
import { metric } from "../interop/lib/relay.mjs";
import { interleaved, median } from "./lib/measure.mjs";
import { withRelay } from "./lib/relay.mjs";
import { startRepoServer } from "./lib/repo-server.mjs";

/** A browser without WebRTC has no direct way to another. */
const RELAYED_ONLY = { init: "delete globalThis.RTCPeerConnection" };

/** The relay's own count of all that it sends and is sent. */
const RELAY_BYTES = "libp2p_bandwidth_bytes_total";

let databases = 0;
/** A database name that nothing has used in either profile. */
const fresh = (label) => `sync-${label}-${++databases}`;

/** Opens the contestant on both devices for as long as `work` takes. */
async function onBoth([one, two], contestant, options, work) {
  const pages = await Promise.all([one.hold(contestant, options), two.hold(contestant, options)]);
  try {
    return await work(...pages);
  } finally {
    await Promise.all(pages.map((page) => page.close()));
  }
}

const ours = (devices, relays, count, options) =>
  onBoth(devices, "avatar-sync", options, async (first, second) => {
    const name = fresh("avatar");
    const code = await first.run("first", { name, count, relays });
    return second.run("second", { name, count, relays, code });
  });

async function theirs(devices, count) {
  const server = await startRepoServer();
  try {
    return await onBoth(devices, "automerge-repo-sync", {}, async (first, second) => {
      const name = fresh("repo");
      const urls = await first.run("first", { name, count, server: server.url });
      await server.has(urls);
      return second.run("second", { name, urls, server: server.url });
    });
  } finally {
    await server.stop();
  }
}

/**
 * The second device is closed after it has got everything, and comes again so many times. By the relay, which sees every byte on the wire: those of its own connections to both devices, so what
 * passes through it twice, and what a new connection costs.
 */
const comingAgain = (devices, relay, count, rounds) =>
  onBoth(devices, "avatar-sync", RELAYED_ONLY, async (first, second) => {
    const { addresses: relays } = relay;
    const name = fresh("again");
    const code = await first.run("first", { name, count, relays });
    const { documentsMs } = await second.run("second", { name, count, relays, code });
    await second.close();
    const answers = [];
    for (let round = 0; round < rounds; round++) {
      await first.run("alone");
      const before = await metric(relay, RELAY_BYTES);
      const page = await devices[1].hold("avatar-sync", RELAYED_ONLY);
      const syncMs = await page.run("again", { name, relays });
      const atRelay = (await metric(relay, RELAY_BYTES)) - before;
      answers.push({ syncMs, atRelay, streamBytes: await page.run("streamBytes") });
      await page.close();
    }
    return { documentsMs, answers };
  });

const of = (answers, figure) => median(answers.map(figure));

export async function sync(stage, report, { rounds, documents, unchanged, resyncs }) {
  const other = await stage.another();
  const devices = [stage, other];
  try {
    await withRelay(async (relay, build) => {
      const { addresses: relays } = relay;
      const [relayed, free, repo] = await interleaved(rounds, [
        () => ours(devices, relays, documents, RELAYED_ONLY),
        () => ours(devices, relays, documents),
        () => theirs(devices, documents),
      ]);
      const what = `first sync of ${documents} documents`;
      const direct = free.filter((answer) => answer.relayed === false).length;
      const here = of(repo, ({ hereMs }) => hereMs);
      report.add(`${what}: all in memory`, "automerge-repo", here);
      report.add(`${what}: and in storage`, "automerge-repo", of(repo, ({ durableMs }) => durableMs));
      for (const [way, answers] of [
        [`by the relay (${build})`, relayed],
        [`with WebRTC (${direct} of ${rounds} direct at the end)`, free],
      ]) {
        const ms = of(answers, ({ documentsMs }) => documentsMs);
        report.add(`${what}, ${way}: in storage`, "Avatar", ms);
        report.add(`… and before: from the code to the identity`, "Avatar", of(answers, ({ joinMs }) => joinMs));
        report.bar(`${what}, ${way} / automerge-repo, all in memory`, ms / here, 0.5);
      }

      const { documentsMs, answers } = await comingAgain(devices, relay, unchanged, resyncs);
      const again = `re-sync of ${unchanged} unchanged documents`;
      const [ms, streams, atRelay] = ["syncMs", "streamBytes", "atRelay"].map((figure) => of(answers, (answer) => answer[figure]));
      report.add(`first sync of ${unchanged} documents, by the relay: in storage`, "Avatar", documentsMs);
      report.add(`${again}, by the relay: from createAvatar to in step`, "Avatar", ms);
      report.add(`${again}: bytes of the streams between the devices`, "Avatar", streams / 1000, "KB");
      report.add(`${again}: bytes that the relay sees, on both its connections`, "Avatar", atRelay / 1000, "KB");
      report.bar(`${again}, from createAvatar`, ms, 1_000, { unit: "ms" });
      report.bar(`${again}, streams between the devices`, streams / 1000, 5, { unit: "KB" });
    });
  } finally {
    await other.close();
  }
}
