// `npm run test:e2e:kill -- --rounds 100 [--seed 7] [--engine Firefox]`: the long version of durability.test.mjs.
import { parseArgs } from "node:util";
import { engines } from "./lib/engines/index.mjs";
import { killRounds } from "./lib/kill-rounds.mjs";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "100" }, seed: { type: "string", default: String(Date.now() % 1_000_000) }, engine: { type: "string", default: "Chromium" } },
});
const engine = engines.find(({ name }) => name.toLowerCase() === values.engine.toLowerCase());
const missing = engine ? await engine.missing() : `there is no engine ${values.engine}`;
if (missing || !engine.keepsProfiles) {
  process.stderr.write(`Cannot run: ${missing ?? `${engine.name} keeps no profile under automation`}.\n`);
  process.exit(1);
}
const options = { rounds: Number(values.rounds), seed: Number(values.seed) };
process.stdout.write(`${engine.name}, ${options.rounds} rounds, seed ${options.seed}\n`);
const { rounds, acknowledged, documents } = await killRounds(engine, {
  ...options,
  progress: ({ round, acknowledged, documents }) => process.stdout.write(`round ${round}: ${acknowledged} writes acknowledged so far, ${documents} documents, nothing lost\n`),
});
process.stdout.write(`${rounds} kills, ${acknowledged} acknowledged writes, ${documents} documents: every one is there, exactly once.\n`);
