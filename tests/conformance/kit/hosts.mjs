// The hosts of this repository: how their adapters are started, and what they claim beyond the MUSTs. `peers`: they have CAPABILITY_P2P.
import { execFileSync } from "node:child_process";
import path from "node:path";
import { findProgram } from "../../../scripts/lib/browsers.mjs";
import { cargoEnv } from "../../../scripts/lib/env.mjs";
import { WORKSPACES } from "../../../scripts/lib/paths.mjs";
import { which } from "../../../scripts/lib/run.mjs";

const HERE = path.join(import.meta.dirname, "..");
const GO_HOST = path.join(HERE, "out", "host-go");
const adapter = (host) => [process.execPath, path.join(HERE, "hosts", host, "adapter.mjs")];

/** `missing` says why a host cannot run on this machine; `prepare` makes its program. */
export const HOSTS = [
  { name: "reference", title: "the reference host", peers: true, command: adapter("reference"), claims: ["quarantine", "crash-loop-stop", "loopback-http", "restart"] },
  { name: "node", title: "avatar-web in Node", command: adapter("node"), claims: ["quarantine", "crash-loop-stop", "loopback-http", "restart"] },
  { name: "node-folder", title: "avatar-web in Node over a folder", command: [...adapter("node"), "--folder"], claims: ["quarantine", "crash-loop-stop", "loopback-http", "restart"] },
  {
    name: "chromium",
    title: "avatar-web in Chromium",
    peers: true,
    command: adapter("chromium"),
    claims: ["quarantine", "crash-loop-stop", "loopback-http", "restart"],
    missing: () => (findProgram("chromium") ? undefined : "Chromium is not installed"),
  },
  {
    name: "native",
    title: "avatar-native",
    peers: true,
    command: [...adapter("native"), path.join(WORKSPACES.native.target, "debug", "avatar")],
    claims: ["quarantine", "crash-loop-stop", "loopback-http", "restart"],
    prepare: () => execFileSync("cargo", ["build", "--quiet", "--bin", "avatar"], { cwd: WORKSPACES.native.dir, env: cargoEnv("native"), stdio: ["ignore", "inherit", "inherit"] }),
  },
  {
    name: "go",
    title: "the minimal host in Go",
    command: [GO_HOST],
    claims: [],
    missing: () => (which("go") ? undefined : "Go is not installed: it builds the minimal host"),
    prepare: () => execFileSync("go", ["build", "-o", GO_HOST, "."], { cwd: path.join(HERE, "hosts", "go"), stdio: ["ignore", "inherit", "inherit"] }),
  },
];

/** For `skip` of node:test. In CI every host has to be there. */
export function skipReason({ missing }) {
  const reason = missing?.();
  if (reason && process.env.CI) throw new Error(`CI needs every host: ${reason}`);
  return reason ?? false;
}
