// Fresh projects outside the repository, as a user of the package has them.
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const here = fileURLToPath(new URL("..", import.meta.url));
const packageFolder = fileURLToPath(new URL("../../../pkg", import.meta.url));

/** Runs a command; what it printed becomes part of the error when it fails. */
export async function command(cwd, file, args) {
  try {
    return await run(file, args, { cwd, maxBuffer: 64 << 20, env: { ...process.env, CI: "true" } });
  } catch (error) {
    throw new Error(`${file} ${args.join(" ")} failed:\n${error.stdout}\n${error.stderr}`, { cause: error });
  }
}

/** `npm pack` of the built package. Gives the tarball's path and the list of its files. */
export async function pack() {
  const folder = await mkdtemp(join(tmpdir(), "avatar-pack-"));
  const { stdout } = await command(packageFolder, "npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder]);
  const answer = JSON.parse(stdout);
  const [report] = Array.isArray(answer) ? answer : Object.values(answer);
  return { folder, tarball: join(folder, report.filename), files: report.files.map((file) => file.path) };
}

/** Makes a project from a folder of `projects/`, with the shared application and the packed package (and `extra` packages) installed. */
export async function project(name, tarball, extra = []) {
  const folder = await mkdtemp(join(tmpdir(), `avatar-${name}-`));
  await cp(join(here, "projects", name), folder, { recursive: true });
  await cp(join(here, "projects", "app.js"), join(folder, "src", "index.js"));
  await command(folder, "npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", tarball, ...extra]);
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** All files below a folder, as paths relative to it. */
export async function filesBelow(folder) {
  return (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

/** Copies the project's page beside the built files. */
export async function addPage(folder) {
  await writeFile(join(folder, "dist", "index.html"), await readFile(join(folder, "index.html")));
}
