/**
 * Puts a document together from the pages of its snapshot (`docs.proto`, Token). Each page is a piece of work of its own, however large the document.
 *
 * @module
 */
import { Reader } from "../channel/wire.js";
import { readValue } from "./codec.js";
import { ListNode, MapNode, type Node } from "./nodes.js";
import { Text } from "./text.js";

type Open = { kind: "map"; entries: Map<string, Node>; key: string | undefined } | { kind: "list"; items: Node[] };

/** Takes pages in order; after the last one, {@link SnapshotBuilder.root} is the document. */
export class SnapshotBuilder {
  #stack: Open[] = [];
  #textParts: string[] | undefined;
  #root: MapNode | undefined;
  #last = false;

  /** The page with `last` has come. */
  get complete(): boolean {
    return this.#last;
  }

  /** @throws RangeError when the pages do not make a document. */
  get root(): MapNode {
    if (this.#root === undefined) throw new RangeError("The snapshot is incomplete.");
    return this.#root;
  }

  /** Takes an encoded SnapshotPage. @throws RangeError when it is none. */
  add(page: Uint8Array): void {
    const reader = new Reader(page);
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag >>> 3 === 1) this.#token(reader, reader.end());
      else if (tag >>> 3 === 2) this.#last = reader.bool();
      else reader.skipTag(tag);
    }
  }

  #token(reader: Reader, end: number): void {
    while (reader.pos < end) {
      const tag = reader.uint32();
      switch (tag >>> 3) {
        case 1: {
          const top = this.#stack.at(-1);
          if (top?.kind !== "map") throw new RangeError("A key outside of a map.");
          top.key = reader.string();
          break;
        }
        case 2:
          reader.bool();
          this.#stack.push({ kind: "map", entries: new Map(), key: undefined });
          break;
        case 3:
          reader.bool();
          this.#stack.push({ kind: "list", items: [] });
          break;
        case 4:
          reader.bool();
          this.#end();
          break;
        case 5:
          this.#place(readValue(reader, reader.end()));
          break;
        case 6:
          (this.#textParts ??= []).push(reader.string());
          break;
        case 7:
          reader.bool();
          this.#place(Text.ofParts(this.#textParts ?? []));
          this.#textParts = undefined;
          break;
        default:
          throw new RangeError("A token of an unknown kind.");
      }
    }
  }

  #end(): void {
    const closed = this.#stack.pop();
    if (closed === undefined) throw new RangeError("An end without a beginning.");
    const node = closed.kind === "map" ? new MapNode(closed.entries) : new ListNode(closed.items);
    // Made here, piece by piece, so that reading `doc.value` of a large document finds its parts ready.
    node.snapshot();
    if (this.#stack.length > 0) this.#place(node);
    else if (node instanceof MapNode && this.#root === undefined) this.#root = node;
    else throw new RangeError("A document is one map.");
  }

  #place(node: Node): void {
    const top = this.#stack.at(-1);
    if (top === undefined) throw new RangeError("A value outside of the document.");
    if (top.kind === "list") {
      top.items.push(node);
      return;
    }
    if (top.key === undefined) throw new RangeError("A value without a key.");
    top.entries.set(top.key, node);
    top.key = undefined;
  }
}
