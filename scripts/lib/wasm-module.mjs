// Reads what a WebAssembly module says about itself (custom sections, imports, exports with their types), appends custom sections, drops and renames exports and renames imports. Called by wasm-steps.mjs
// and check-boundary.mjs. Node's WebAssembly API shows neither types nor a way to write.

const CUSTOM = 0, TYPE = 1, IMPORT = 2, FUNCTION = 3, EXPORT = 7;
const VALUE_TYPES = { 0x7f: "i32", 0x7e: "i64", 0x7d: "f32", 0x7c: "f64", 0x7b: "v128", 0x70: "funcref", 0x6f: "externref" };
const KINDS = ["func", "table", "memory", "global", "tag"];

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }
  get ended() {
    return this.at >= this.bytes.length;
  }
  byte() {
    if (this.ended) throw new Error("the module ends in the middle of something");
    return this.bytes[this.at++];
  }
  unsigned() {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }
  take(length) {
    if (this.at + length > this.bytes.length) throw new Error("the module ends in the middle of something");
    return this.bytes.subarray(this.at, (this.at += length));
  }
  text() {
    return Buffer.from(this.take(this.unsigned())).toString("utf8");
  }
  list(item) {
    return Array.from({ length: this.unsigned() }, () => item(this));
  }
}

/** The sections of a module: their id, content, name (of custom ones), and where each begins and ends. */
export function sections(wasm) {
  const reader = new Reader(wasm);
  if (Buffer.from(reader.take(8)).toString("hex") !== "0061736d01000000") throw new Error("not a WebAssembly module");
  const found = [];
  while (!reader.ended) {
    const start = reader.at;
    const id = reader.byte();
    const content = new Reader(reader.take(reader.unsigned()));
    const name = id === CUSTOM ? content.text() : undefined;
    found.push({ id, name, content: content.bytes.subarray(content.at), start, end: reader.at });
  }
  return found;
}

/** The content of the custom section `name`, or undefined. */
export function customSection(wasm, name) {
  return sections(wasm).find((section) => section.name === name)?.content;
}

function encodeUnsigned(value) {
  const bytes = [];
  do {
    bytes.push((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>>= 7;
  } while (value > 0);
  return Buffer.from(bytes);
}

/** The module with one more custom section at its end. */
export function withCustomSection(wasm, name, content) {
  const nameBytes = Buffer.from(name, "utf8");
  const body = Buffer.concat([encodeUnsigned(nameBytes.length), nameBytes, content]);
  return Buffer.concat([wasm, Buffer.from([CUSTOM]), encodeUnsigned(body.length), body]);
}

/** The module without the exports whose name `keep` refuses: linkers export more than was asked for. */
export function withoutExports(wasm, keep) {
  const parts = [wasm.subarray(0, 8)];
  for (const { id, start, end, content } of sections(wasm)) {
    if (id !== EXPORT) {
      parts.push(wasm.subarray(start, end));
      continue;
    }
    const kept = new Reader(content)
      .list((reader) => {
        const from = reader.at;
        const name = reader.text();
        reader.byte();
        reader.unsigned();
        return { name, bytes: content.subarray(from, reader.at) };
      })
      .filter(({ name }) => keep(name));
    const body = Buffer.concat([encodeUnsigned(kept.length), ...kept.map(({ bytes }) => bytes)]);
    parts.push(Buffer.from([EXPORT]), encodeUnsigned(body.length), body);
  }
  return Buffer.concat(parts);
}

function encodeText(text) {
  const bytes = Buffer.from(text, "utf8");
  return Buffer.concat([encodeUnsigned(bytes.length), bytes]);
}

/** The module with other names of imports and exports: `rename` gives the new name, or the same. */
export function withRenamed(wasm, rename) {
  const parts = [wasm.subarray(0, 8)];
  for (const { id, start, end, content } of sections(wasm)) {
    if (id !== IMPORT && id !== EXPORT) {
      parts.push(wasm.subarray(start, end));
      continue;
    }
    const items = new Reader(content).list((reader) => {
      const module = id === IMPORT ? [encodeText(reader.text())] : [];
      const name = encodeText(rename(reader.text()));
      const from = reader.at;
      const kind = KINDS[reader.byte()];
      if (id === EXPORT) reader.unsigned();
      else importDescription[kind](reader, []);
      return Buffer.concat([...module, name, content.subarray(from, reader.at)]);
    });
    const body = Buffer.concat([encodeUnsigned(items.length), ...items]);
    parts.push(Buffer.from([id]), encodeUnsigned(body.length), body);
  }
  return Buffer.concat(parts);
}

const valueType = (reader) => {
  const code = reader.byte();
  return VALUE_TYPES[code] ?? `0x${code.toString(16)}`;
};

function limits(reader) {
  const flags = reader.byte();
  reader.unsigned();
  if (flags & 1) reader.unsigned();
}

const importDescription = {
  func: (reader, types) => types[reader.unsigned()],
  table: (reader) => (reader.byte(), limits(reader)),
  memory: limits,
  global: (reader) => (reader.byte(), reader.byte()),
  tag: (reader) => (reader.byte(), reader.unsigned()),
};

/** Imports and exports, one line each: `import func avatar_v1.avatar_log (i32, i32) -> ()`, `export memory memory`. Sorted. */
export function boundary(wasm) {
  const bodies = new Map(sections(wasm).map(({ id, content }) => [id, content]));
  const section = (id, item) => (bodies.has(id) ? new Reader(bodies.get(id)).list(item) : []);
  const types = section(TYPE, (reader) => {
    if (reader.byte() !== 0x60) throw new Error("a type that is not a plain function");
    const [parameters, results] = [reader.list(valueType), reader.list(valueType)];
    return `(${parameters.join(", ")}) -> (${results.join(", ")})`;
  });
  const imports = section(IMPORT, (reader) => {
    const name = `${reader.text()}.${reader.text()}`;
    const kind = KINDS[reader.byte()];
    return { kind, name, type: importDescription[kind](reader, types) };
  });
  const functions = [...imports.filter(({ kind }) => kind === "func").map(({ type }) => type), ...section(FUNCTION, (reader) => types[reader.unsigned()])];
  const exports = section(EXPORT, (reader) => {
    const name = reader.text();
    const kind = KINDS[reader.byte()];
    const index = reader.unsigned();
    return { kind, name, type: kind === "func" ? functions[index] : undefined };
  });
  const lines = (direction, items) => items.map(({ kind, name, type }) => [direction, kind, name, type].filter(Boolean).join(" ")).sort();
  return [...lines("export", exports), ...lines("import", imports)];
}
