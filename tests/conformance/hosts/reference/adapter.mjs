// The adapter of the reference host. `--break NAME` starts one of its mutants instead (mutants/).
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { serveAdapter } from "../adapter.mjs";
import { Boundary } from "./boundary.mjs";
import { Host } from "./host.mjs";
import { MUTANTS, P2P_MUTANTS } from "./mutants/index.mjs";
import { Keys } from "./keys.mjs";
import { Link } from "./link.mjs";
import { Exchange, Net } from "./net.mjs";
import { Operations } from "./operations.mjs";
import { P2p } from "./p2p.mjs";
import { PeerEvents } from "./peer-events.mjs";
import { Store } from "./store.mjs";

const { values } = parseArgs({ options: { break: { type: "string" } } });
const parts = { Boundary, Host, Keys, Link, Net, Operations, P2p, PeerEvents, Store, Exchange };
if (values.break) {
  const mutant = { ...MUTANTS, ...P2P_MUTANTS }[values.break];
  if (!mutant) throw new Error(`there is no mutant ${values.break}`);
  for (const [name, mutate] of Object.entries(mutant.parts)) parts[name] = mutate(parts[name]);
}

const modules = new Map();
const compiled = async (file) => {
  if (!modules.has(file)) modules.set(file, await WebAssembly.compile(await readFile(file)));
  return modules.get(file);
};

let medium;
serveAdapter(async (file, { keep, ...options }, events) => {
  const host = await parts.Host.start(parts, await compiled(file), { ...options, medium: keep ? medium : undefined }, events);
  medium = host;
  return host;
});
