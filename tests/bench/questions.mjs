// What the bench asks, question by question. Each adds its numbers and its promises to the report.
import { IN_FLIGHT } from "./contestants/credentials.js";
import { interleaved, median } from "./lib/measure.mjs";

let databases = 0;
/** A database name that nothing has used in this profile. */
const fresh = (label) => `${label}-${++databases}`;

export async function writes(stage, report, { rounds, documents, batch }) {
  const raw = (durability) => () => stage.run("raw-indexeddb", "transactions", { count: documents, durability });
  const ours = (method, count = documents) => () => stage.run("avatar", method, { name: fresh(method), count });
  const [relaxed, strict, oneByOne, repo, atOnce, many] = (
    await interleaved(rounds, [
      raw("relaxed"),
      raw("strict"),
      ours("createOneByOne"),
      () => stage.run("automerge-repo", "create", { name: fresh("repo"), count: documents }),
      ours("createAtOnce"),
      ours("createMany"),
    ])
  ).map(median);
  report.add(`${documents} transactions, one by one, relaxed`, "IndexedDB", relaxed);
  report.add(`${documents} transactions, one by one, strict`, "IndexedDB", strict);
  report.add(`${documents} documents, one by one`, "Avatar", oneByOne);
  report.add(`${documents} documents, all at once`, "automerge-repo", repo);
  report.add(`${documents} documents, all at once (create)`, "Avatar", atOnce);
  report.add(`${documents} documents, all at once (createMany)`, "Avatar", many);
  report.bar(`${documents} documents created one by one / IndexedDB, a transaction each`, oneByOne / relaxed, 2);
  report.bar(`${documents} documents created at once / automerge-repo`, atOnce / repo, 0.1);
  report.bar(`${documents} documents created at once by createMany / automerge-repo`, many / repo, 0.1);

  const [puts, changes] = (
    await interleaved(rounds, [() => stage.run("raw-indexeddb", "puts", { count: batch, durability: "relaxed" }), ours("changes", batch)])
  ).map(median);
  report.add(`${batch} puts in one transaction`, "IndexedDB", puts);
  report.add(`${batch} changes to 100 documents, pipelined`, "Avatar", changes);
  report.bar("rate of batched durable writes / IndexedDB's puts in one transaction", puts / changes, 0.5, { atLeast: true });
}

export async function lists(stage, report, { rounds, documents, bar }) {
  const repoName = fresh("repo-list");
  const ourName = fresh("avatar-list");
  const repoCreate = await stage.run("automerge-repo", "create", { name: repoName, count: documents });
  const ourCreate = await stage.run("avatar", "createMany", { name: ourName, count: documents });
  report.add(`${documents} documents stored`, "automerge-repo", repoCreate);
  report.add(`${documents} documents stored`, "Avatar", ourCreate);
  const [repo, ours] = await interleaved(rounds, [
    () => stage.load("automerge-repo", { name: repoName, count: documents }),
    () => stage.load("avatar", { name: ourName, count: documents }),
  ]);
  const repoMs = median(repo.map((answer) => answer.ms));
  const ourMs = median(ours.map((answer) => answer.ms));
  const memoryMb = Math.max(...ours.map((answer) => answer.memoryBytes)) / 2 ** 20;
  report.add(`page load to ${documents} titles`, "automerge-repo", repoMs);
  report.add(`page load to ${documents} titles`, "Avatar", ourMs);
  report.add(`wasm memory with ${documents} documents listed`, "Avatar", memoryMb, "MB");
  report.bar(`page load to ${documents} titles / automerge-repo`, ourMs / repoMs, bar);
  report.bar(`documents loaded for a list of ${documents}`, Math.max(...ours.map((answer) => answer.loads)), 0, { unit: "documents" });
  report.bar(`wasm memory with ${documents} documents listed`, memoryMb, 64, { unit: "MB" });
  return ourName;
}

export async function queries(stage, report, { name, documents, rounds }) {
  const { once, live, memoryBytes } = await stage.run("avatar", "queries", { name, rounds });
  report.add(`query over ${documents}, node up: filter, sort, 50 rows`, "Avatar", median(once));
  report.add(`live query over ${documents}: from a change to its result`, "Avatar", median(live));
  report.add(`wasm memory after the queries`, "Avatar", memoryBytes / 2 ** 20, "MB");
  report.bar(`query over ${documents}, node up`, median(once), 20, { unit: "ms" });
  report.bar(`live query over ${documents}: from a change to its result`, median(live), 20, { unit: "ms" });
}

export async function trace(stage, report, { rounds, limit }) {
  const ours = async () => {
    const name = fresh("trace");
    const { editMs, id, memoryBytes } = await stage.run("avatar", "trace", { name, limit });
    const { loadMs } = await stage.run("avatar", "open", { name, id, limit });
    return { editMs, loadMs, memoryBytes };
  };
  const contestants = [
    ["automerge", () => stage.run("automerge", "trace", { limit })],
    ["Yjs", () => stage.run("yjs", "trace", { limit })],
    ["Loro", () => stage.run("loro", "trace", { limit })],
    ["Avatar", ours],
  ];
  const answers = await interleaved(rounds, contestants.map(([, turn]) => turn));
  const edit = {};
  const load = {};
  contestants.forEach(([name], n) => {
    edit[name] = median(answers[n].map((answer) => answer.editMs));
    load[name] = median(answers[n].map((answer) => answer.loadMs));
    report.add(`trace of ${limit} keystrokes, one change each${name === "Avatar" ? ", durable" : ", in memory"}`, name, edit[name]);
    report.add(`the trace's document opened`, name, load[name]);
  });
  report.add("wasm memory after the trace", "Avatar", Math.max(...answers[3].map((answer) => answer.memoryBytes)) / 2 ** 20, "MB");
  report.bar("trace / automerge", edit.Avatar / edit.automerge, 0.3);
  report.bar("the trace's document opened / automerge's load", load.Avatar / load.automerge, 1);
  report.bar("trace / Yjs (the aim)", edit.Avatar / edit.Yjs, 1);
}

export async function boundary(stage, report, { count, rounds }) {
  const { statusUs, queryUs } = await stage.run("core", "smallReads", { count, rounds });
  report.add("yuan_handle_request to answer: status", "Meta Unit", statusUs, "µs");
  report.add("yuan_handle_request to answer: a query's first row", "Meta Unit", queryUs, "µs");
  report.bar("yuan_handle_request for a small read (status), no worker hop", statusUs, 5, { unit: "µs" });
  report.bar("yuan_handle_request for a small read (one row), no worker hop", queryUs, 5, { unit: "µs" });
}

/** Suites, and how many times as fast as theirs ours must be. */
const SUITES = { "eddsa-jcs-2022": 2, "eddsa-rdfc-2022": 1 };

export async function credentials(stage, report, { rounds, ...times }) {
  for (const [securing, bar] of Object.entries(SUITES)) {
    const [theirs, ours] = await interleaved(rounds, [
      () => stage.run("digitalbazaar", "credentials", { securing, ...times }),
      () => stage.run("avatar", "credentials", { securing, name: fresh("credentials"), ...times }),
    ]);
    for (const [what, rate] of [["issued", "issuedPerSecond"], ["verified", "verifiedPerSecond"]]) {
      const [their, our] = [theirs, ours].map((answers) => median(answers.map((answer) => answer[rate])));
      report.add(`${securing}: ${what}, ${IN_FLIGHT} at a time`, "@digitalbazaar/vc", their, "a second");
      report.add(`${securing}: ${what}, ${IN_FLIGHT} at a time`, "Avatar", our, "a second");
      report.bar(`${securing}: rate of credentials ${what} / @digitalbazaar/vc`, our / their, bar, { atLeast: true });
    }
  }
}
