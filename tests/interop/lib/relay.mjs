// `avatar relay` as a process of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { atEnd } from "./ending.mjs";

const AVATAR = process.env.AVATAR_BIN ?? path.join(process.env.CARGO_TARGET_DIR ?? "", "debug", "avatar");

/** A new folder for a relay's keys, which is removed after the test `t`. */
export async function folder(t) {
  const dir = await mkdtemp(path.join(tmpdir(), "avatar-relay-"));
  atEnd(t, () => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** Starts a relay on loopback, and resolves when it listens. It is stopped after the test `t`, or by `stop()`. `options` are those of the command line, `program` another build. */
export async function startRelay(t, { dir, options = [], program = AVATAR } = {}) {
  dir ??= await folder(t);
  const child = spawn(program, ["relay", "--json", "--loopback", "--dir", dir, ...options], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "exit");
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (errors += text));
  const stop = async () => {
    child.kill("SIGTERM");
    const [code] = await ended;
    return { code, errors };
  };
  atEnd(t, stop);
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([once(lines, "line"), ended.then(([code]) => Promise.reject(new Error(`the relay ended with ${code}: ${errors}`)))]);
  const { peerId, addresses, http } = JSON.parse(line);
  return { peerId, addresses, http, stop, dir, pid: child.pid };
}

/** The relay's address for a transport. */
export function addressFor(relay, transport) {
  const wanted = { webtransport: /\/webtransport\/certhash\//, ws: /\/tcp\/\d+\/ws\/p2p\//, "webrtc-direct": /\/webrtc-direct\/certhash\//, quic: /\/quic-v1\/p2p\//, tcp: /\/tcp\/\d+\/p2p\// }[transport];
  const found = relay.addresses.find((address) => wanted.test(address));
  if (!found) throw new Error(`no address for ${transport} in ${relay.addresses.join(" ")}`);
  return found;
}

/** One of the relay's figures; for a family, the sum. */
export async function metric(relay, name) {
  const text = await (await fetch(`${relay.http}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}
