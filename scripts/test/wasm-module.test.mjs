import assert from "node:assert/strict";
import { test } from "node:test";
import { boundary, customSection, withCustomSection, withRenamed, withoutExports } from "../lib/wasm-module.mjs";

/** (module (import "avatar_v1" "f" (func (param i32 i64))) (memory (export "memory") 1) (func (export "g") (result i64) i64.const 0)) */
const MODULE = Buffer.from(
  [
    "0061736d01000000", // magic, version
    "010a" + "0260027f7e0060" + "00017e", // types
    "020f" + "01096176617461725f7631" + "0166" + "0000", // import
    "03020101", // functions
    "0503010001", // memory
    "070e" + "02" + "066d656d6f7279" + "0200" + "0167" + "0001", // exports
    "0a06010400" + "42000b", // code
  ].join(""),
  "hex",
);

test("the boundary of a module has names, kinds and types", () => {
  assert.ok(WebAssembly.validate(MODULE));
  assert.deepEqual(boundary(MODULE), ["export func g () -> (i64)", "export memory memory", "import func avatar_v1.f (i32, i64) -> ()"]);
});

test("a custom section is found again, by us and by the engine, and changes nothing else", () => {
  const content = Buffer.alloc(300, 7);
  const extended = withCustomSection(MODULE, "avatar:build", content);
  assert.deepEqual(Buffer.from(customSection(extended, "avatar:build")), content);
  const [byEngine] = WebAssembly.Module.customSections(new WebAssembly.Module(extended), "avatar:build");
  assert.deepEqual(Buffer.from(byEngine), content);
  assert.deepEqual(extended.subarray(0, MODULE.length), MODULE);
  assert.deepEqual(boundary(extended), boundary(MODULE));
  assert.equal(customSection(MODULE, "avatar:build"), undefined);
});

test("only the exports that are kept are left", () => {
  const trimmed = withoutExports(MODULE, (name) => name === "memory");
  assert.ok(WebAssembly.validate(trimmed));
  assert.deepEqual(boundary(trimmed), ["export memory memory", "import func avatar_v1.f (i32, i64) -> ()"]);
  assert.deepEqual(withoutExports(MODULE, () => true), MODULE);
});

test("imports and exports have the names that they are given", () => {
  const renamed = withRenamed(MODULE, (name) => ({ f: "a longer name", memory: "m" })[name] ?? name);
  assert.ok(WebAssembly.validate(renamed));
  assert.deepEqual(boundary(renamed), ["export func g () -> (i64)", "export memory m", "import func avatar_v1.a longer name (i32, i64) -> ()"]);
  assert.deepEqual(withRenamed(MODULE, (name) => name), MODULE);
});

test("what is no module, or ends early, is refused", () => {
  assert.throws(() => boundary(Buffer.from("<!doctype html>")), /not a WebAssembly module/);
  assert.throws(() => boundary(MODULE.subarray(0, MODULE.length - 3)), /ends in the middle/);
});
