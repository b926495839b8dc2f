// Fails when a crate of any workspace, or an npm package that ships to users, has a licence outside the list in deny.toml. Called by the suite `lint`.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { cargoEnv } from "./lib/env.mjs";
import { ROOT, WORKSPACES } from "./lib/paths.mjs";
import { Problem, capture, main } from "./lib/run.mjs";

function acceptedLicences() {
  const list = /^allow = \[([^\]]*)\]/m.exec(readFileSync(path.join(ROOT, "deny.toml"), "utf8"));
  return new Set([...list[1].matchAll(/"([^"]+)"/g)].map(([, licence]) => licence));
}

/** Whether an SPDX expression can be satisfied: OR needs one side, AND both. Cargo's old "/" means OR. */
export function isAccepted(expression, accepted) {
  const tokens = expression.replaceAll("/", " OR ").match(/\(|\)|[^\s()]+/g) ?? [];
  let at = 0;
  const operand = () => {
    if (tokens[at] === "(") {
      at += 1;
      const value = alternatives();
      at += 1;
      return value;
    }
    let licence = tokens[at++];
    if (tokens[at] === "WITH") {
      licence += ` WITH ${tokens[at + 1]}`;
      at += 2;
    }
    return accepted.has(licence);
  };
  const together = () => {
    let value = operand();
    while (tokens[at] === "AND") {
      at += 1;
      value = operand() && value;
    }
    return value;
  };
  const alternatives = () => {
    let value = together();
    while (tokens[at] === "OR") {
      at += 1;
      value = together() || value;
    }
    return value;
  };
  return tokens.length > 0 && alternatives() && at === tokens.length;
}

function crates(workspace) {
  const metadata = capture("cargo", ["metadata", "--format-version", "1", "--quiet"], { cwd: WORKSPACES[workspace].dir, env: cargoEnv(workspace) });
  if (!metadata) throw new Problem(`cargo metadata failed in ${workspace}.`);
  return JSON.parse(metadata).packages.map(({ name, version, license }) => ({ name: `crate ${name} ${version}`, licence: license }));
}

/** Packages of the lockfile that are not for development only. */
function npmPackages() {
  const { packages } = JSON.parse(readFileSync(path.join(ROOT, "package-lock.json"), "utf8"));
  return Object.entries(packages)
    .filter(([dir, entry]) => dir.includes("node_modules/") && !entry.dev && !entry.link && !entry.optional && !entry.devOptional)
    .map(([dir, { version, license }]) => ({ name: `npm ${dir.split("node_modules/").at(-1)} ${version}`, licence: license ?? manifestLicence(dir) }));
}

function manifestLicence(dir) {
  const manifest = path.join(ROOT, dir, "package.json");
  return existsSync(manifest) ? JSON.parse(readFileSync(manifest, "utf8")).license : undefined;
}

if (process.argv[1] === import.meta.filename) {
  await main(() => {
    const accepted = acceptedLicences();
    const all = [...Object.keys(WORKSPACES).flatMap(crates), ...npmPackages()];
    const refused = all.filter(({ licence }) => !licence || !isAccepted(licence, accepted));
    if (refused.length > 0) throw new Problem(refused.map(({ name, licence }) => `${name}: ${licence ?? "no licence"}`).join("\n"));
    process.stdout.write(`${all.length} dependencies, all under licences in deny.toml\n`);
  });
}
