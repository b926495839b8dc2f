// "It needs no configuration": each bundler and runtime that the README names, with the packed package in a fresh project.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { launch, resultOf } from "./lib/chromium.mjs";
import { addPage, command, filesBelow, pack, project } from "./lib/project.mjs";
import { serve } from "./lib/serve.mjs";

/** The WebAssembly files of the package, by the stem of their name. */
const WASM_STEMS = ["meta_unit", "avatar_web", "avatar_p2p"];

let packed;
let browser;
before(async () => {
  packed = await pack();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  if (packed) await rm(packed.folder, { recursive: true, force: true });
});

function assertAppWorked(result) {
  assert.match(result.did, /^did:key:z6Mk/);
  assert.deepEqual(result.value, { title: "Hello, bundler", body: "typed", tags: ["x"] });
  assert.deepEqual(result.titles, ["Hello, bundler"]);
  assert.equal(result.typedError, "NOT_FOUND");
  assert.equal(result.storage, "indexeddb");
}

/** Each module is in the output once: as a file, or (where the bundler does not copy files) as its inlined form alone. */
async function assertEachWasmOnce(folder) {
  const files = await filesBelow(folder);
  for (const stem of WASM_STEMS) {
    const copies = files.filter((file) => file.endsWith(".wasm") && basename(file).startsWith(stem));
    const inlined = copies.length === 0 ? await filesWithInlined(folder, files, stem) : [];
    assert.equal(copies.length + inlined.length, 1, `${stem} should be in the output once, found ${[...copies, ...inlined].join(", ") || "nothing"}`);
  }
}

/** Scripts that carry the module as text, known by the marker that the package's inline modules bear. */
async function filesWithInlined(folder, files, stem) {
  const found = [];
  for (const file of files.filter((name) => /\.m?js$/.test(name))) {
    if ((await readFile(join(folder, file), "utf8")).includes(`inline-wasm:${stem}`)) found.push(file);
  }
  return found;
}

/** Serves a built folder and runs its page. */
async function runPage(folder) {
  const server = await serve(folder);
  try {
    return await resultOf(browser, server.url);
  } finally {
    await server.close();
  }
}

describe("the packed package", () => {
  test("has what it promises and nothing else", () => {
    for (const needed of ["package.json", "README.md", "LICENSE-MIT", "LICENSE-APACHE", "dist/index.js", "dist/index.d.ts"]) {
      assert.ok(packed.files.includes(needed), `${needed} is missing from the package`);
    }
    for (const stem of WASM_STEMS) {
      assert.equal(packed.files.filter((file) => basename(file).startsWith(stem) && file.endsWith(".wasm")).length, 1, `one ${stem} file`);
    }
    const strays = packed.files.filter((file) => !/^(dist\/|README\.md$|LICENSE-(MIT|APACHE)$|CHANGELOG\.md$|package\.json$)/.test(file));
    assert.deepEqual(strays, []);
  });

  test("has no install scripts", async () => {
    const manifest = JSON.parse(await readFile(new URL("../../pkg/package.json", import.meta.url), "utf8"));
    const scripts = Object.keys(manifest.scripts ?? {}).filter((name) => /^(pre|post)?install$/.test(name));
    assert.deepEqual(scripts, []);
    assert.deepEqual(Object.keys(manifest.dependencies ?? {}).filter((name) => name !== "@bufbuild/protobuf"), []);
  });
});

describe("a fresh project needs no configuration with", () => {
  test("webpack 5", async () => {
    const { folder, remove } = await project("webpack5", packed.tarball);
    await command(folder, "npx", ["webpack", "--mode", "production"]);
    await addPage(folder);
    assertAppWorked(await runPage(join(folder, "dist")));
    await assertEachWasmOnce(join(folder, "dist"));
    await remove();
  });

  for (const version of ["6.4.6", "7.3.8", "8.3.8"]) {
    test(`Vite ${version}: build`, async () => {
      const { folder, remove } = await project("vite", packed.tarball, ["--save-dev", `vite@${version}`]);
      await command(folder, "npx", ["vite", "build"]);
      assertAppWorked(await runPage(join(folder, "dist")));
      await assertEachWasmOnce(join(folder, "dist"));
      await remove();
    });

    test(`Vite ${version}: dev server`, async () => {
      const { folder, remove } = await project("vite", packed.tarball, ["--save-dev", `vite@${version}`]);
      const vite = await viteDevServer(folder);
      try {
        assertAppWorked(await resultOf(browser, vite.url));
      } finally {
        await vite.close();
      }
      await remove();
    });
  }

  test("esbuild", async () => {
    const { folder, remove } = await project("esbuild", packed.tarball);
    await command(folder, "npx", ["esbuild", "src/index.js", "--bundle", "--format=esm", "--splitting", "--outdir=dist"]);
    await addPage(folder);
    assertAppWorked(await runPage(join(folder, "dist")));
    await assertEachWasmOnce(join(folder, "dist"));
    await remove();
  });

  test("rollup", async () => {
    const { folder, remove } = await project("rollup", packed.tarball);
    await command(folder, "npx", ["rollup", "src/index.js", "--dir", "dist", "--format", "es", "--plugin", "@rollup/plugin-node-resolve"]);
    await addPage(folder);
    assertAppWorked(await runPage(join(folder, "dist")));
    await assertEachWasmOnce(join(folder, "dist"));
    await remove();
  });

  test("a plain module script", async () => {
    const { folder, remove } = await project("module-script", packed.tarball);
    assertAppWorked(await runPage(folder));
    await remove();
  });

  for (const [how, file] of [["import", "app.mjs"], ["require", "app.cjs"]]) {
    test(`Node: ${how}`, async () => {
      const { folder, remove } = await project("node", packed.tarball);
      const { stdout } = await command(folder, process.execPath, [file, join(folder, "data")]);
      assert.deepEqual(JSON.parse(stdout), { sameDid: true, value: { title: "Hello, Node", body: "kept" }, storage: "folder" });
      await remove();
    });
  }
});

/** Starts `vite` on a free port and waits until it says where it listens. */
async function viteDevServer(folder) {
  const child = spawn(process.execPath, [join(folder, "node_modules/vite/bin/vite.js"), "--port", "0", "--host", "127.0.0.1"], { cwd: folder, env: { ...process.env, NO_COLOR: "1" } });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  let said = "";
  const url = await new Promise((resolve, reject) => {
    const listen = (chunk) => {
      said += chunk;
      const found = /http:\/\/127\.0\.0\.1:\d+\//.exec(said);
      if (found) resolve(found[0]);
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    exited.then(() => reject(new Error(`vite ended early:\n${said}`)));
  });
  return {
    url,
    close: async () => {
      child.kill();
      await exited;
    },
  };
}
