/**
 * From a source to a checked, compiled module; every way in which that fails has its code.
 *
 * @module
 */
import { AvatarLoadError } from "../errors.js";

/** The modules of the package. */
export type WasmName = "meta_unit" | "avatar_web" | "avatar_p2p";

/** Where a module comes from. */
export type WasmSource = URL | string | BufferSource | WebAssembly.Module;

const WASM_MAGIC = [0x00, 0x61, 0x73, 0x6d];
/** The shortest valid module: magic and version. */
const EMPTY_MODULE = new Uint8Array([...WASM_MAGIC, 1, 0, 0, 0]);
/** Carries 32 bytes that name the build (ABI.md §3). */
const BUILD_SECTION = "avatar:build";

/** Compiles a module and checks that it is of this build. @throws AvatarLoadError */
export async function compileSource(name: WasmName, source: WasmSource, buildId: string | undefined): Promise<WebAssembly.Module> {
  if (typeof WebAssembly === "undefined") throw new AvatarLoadError("NO_WEBASSEMBLY", "This engine has no WebAssembly.");
  let module: WebAssembly.Module;
  if (source instanceof WebAssembly.Module) module = source;
  else if (typeof source === "string" || source instanceof URL) module = await compileUrl(name, source);
  else module = await compileBytes(name, source);
  checkBuild(name, module, buildId);
  return module;
}

/** Compiles bytes. @throws AvatarLoadError */
export async function compileBytes(name: WasmName, bytes: BufferSource): Promise<WebAssembly.Module> {
  checkMagic(name, bytes);
  try {
    return await WebAssembly.compile(bytes);
  } catch (cause) {
    throw await compileError(name, cause);
  }
}

async function compileUrl(name: WasmName, url: URL | string): Promise<WebAssembly.Module> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch (cause) {
    throw new AvatarLoadError("NOT_FOUND", `${name}.wasm could not be fetched from ${url}.`, { cause });
  }
  if (!response.ok) {
    await response.body?.cancel();
    throw new AvatarLoadError("NOT_FOUND", `${name}.wasm is not at ${url}: the server answered ${response.status}.`);
  }
  const mime = (response.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (mime.startsWith("text/") || mime.includes("javascript") || mime.includes("json")) {
    await response.body?.cancel();
    throw new AvatarLoadError("BAD_MIME", `${url} is ${mime}, not WebAssembly. Many servers answer a missing file with a page.`);
  }
  if (mime !== "application/wasm" || typeof WebAssembly.compileStreaming !== "function") {
    // Servers that do not know the type send it as application/octet-stream, which streaming refuses.
    return compileBytes(name, await readAll(name, response));
  }
  const copy = response.clone();
  try {
    return await WebAssembly.compileStreaming(response);
  } catch (cause) {
    if (!(await mayCompile())) throw await compileError(name, cause);
    checkMagic(name, await readAll(name, copy));
    throw await compileError(name, cause);
  } finally {
    // The copy holds what the stream has delivered, until it is let go.
    if (!copy.bodyUsed) await copy.body?.cancel();
  }
}

async function readAll(name: WasmName, response: Response): Promise<ArrayBuffer> {
  try {
    return await response.arrayBuffer();
  } catch (cause) {
    throw new AvatarLoadError("NOT_FOUND", `${name}.wasm stopped arriving.`, { cause });
  }
}

function checkMagic(name: WasmName, source: BufferSource): void {
  const bytes = ArrayBuffer.isView(source) ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength) : new Uint8Array(source);
  if (!WASM_MAGIC.every((byte, i) => bytes[i] === byte)) throw new AvatarLoadError("BAD_MAGIC", `The file for ${name}.wasm is not WebAssembly.`);
}

function checkBuild(name: WasmName, module: WebAssembly.Module, buildId: string | undefined): void {
  if (buildId === undefined) return;
  const found = buildIdOf(module);
  if (found !== buildId) {
    throw new AvatarLoadError("BAD_BUILD", `${name}.wasm is ${found === undefined ? "not a module of this package" : `of another build (${found.slice(0, 12)}…)`}; this package needs ${buildId.slice(0, 12)}….`);
  }
}

/** The build id of a module, in hex; undefined when it has none. */
export function buildIdOf(module: WebAssembly.Module): string | undefined {
  const [section] = WebAssembly.Module.customSections(module, BUILD_SECTION);
  if (section === undefined) return undefined;
  return Array.from(new Uint8Array(section), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function compileError(name: WasmName, cause: unknown): Promise<AvatarLoadError> {
  if (await mayCompile()) return new AvatarLoadError("COMPILE_FAILED", `The engine could not compile ${name}.wasm.`, { cause });
  return new AvatarLoadError("CSP_BLOCKED", "The page's Content-Security-Policy forbids WebAssembly: add 'wasm-unsafe-eval' to script-src.", { cause });
}

/** Whether the engine compiles anything at all. Messages differ by engine and version; a module of eight bytes does not lie. */
async function mayCompile(): Promise<boolean> {
  try {
    await WebAssembly.compile(EMPTY_MODULE);
    return true;
  } catch {
    return false;
  }
}
