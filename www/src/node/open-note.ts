/** An open note: the document, its state as signals, and the derived fields kept in step with its text. */
import type { Doc, DocumentId } from "@dao/avatar";
import { signal, type Signal } from "@preact/signals";
import { deriveFields, readText } from "../markdown/derive";
import { readFrontMatter } from "../markdown/front-matter";
import { addTag, removeTag, setTitle, type TextEdit } from "../markdown/edits";
import { theAvatar, tracked } from "./avatar";
import type { Note } from "./notes";

/** The list and the links follow the text after a short rest, not at each letter. */
const REST_MS = 500;
/** Big notes are read through less often: it costs a pass over the text. */
const BIG_CHARS = 256 * 1024;
const BIG_REST_MS = 3_000;
/** Huge ones only when the person leaves them. */
const HUGE_CHARS = 1024 * 1024;
/** Changes that only follow from others; an undo passes over them. */
const DERIVED = "derived fields";
/** Undo stops looking for a change that a person sees after this many. */
const UNSEEN_STEPS = 8;

export interface NoteState {
  readonly title: string;
  readonly tags: readonly string[];
  readonly names: readonly string[];
  readonly path: string;
  readonly problem: string | undefined;
  readonly encoding: string | undefined;
}

export class OpenNote {
  readonly state: Signal<NoteState>;
  readonly saved = signal(true);
  readonly deleted = signal(false);
  readonly canUndo: Signal<boolean>;
  readonly canRedo: Signal<boolean>;
  /** Grows with each change of the text, from wherever. */
  readonly revision = signal(0);

  #restTimer: ReturnType<typeof setTimeout> | undefined;
  /** Tags that an application set beside the text. */
  #tagsOfText: readonly string[];
  #problem: string | undefined;
  /** The text's length when it was last looked at. To ask the document after each key would make it put the whole text together. */
  #length: number;
  #stop: () => void;
  /** Last step was an undo or redo: deriving would make a new change and so end the redo. It waits for the next edit, or the note's closing. */
  #inUndo = false;
  #stale = false;

  private constructor(readonly doc: Doc<Note>) {
    const body = doc.value.body ?? "";
    this.#length = body.length;
    // A huge text is not read through to be shown: its tags are taken for those that are stored.
    this.#tagsOfText = this.#length > HUGE_CHARS ? (doc.value.tags ?? []) : readText(body, doc.value.path ?? "").tags;
    this.#problem = readFrontMatter(body).problem;
    this.state = signal(this.#read());
    this.canUndo = signal(doc.canUndo);
    this.canRedo = signal(doc.canRedo);
    this.#stop = doc.subscribe((event) => {
      if (event.source === "deleted") this.deleted.value = true;
      this.saved.value = doc.saved;
      this.canUndo.value = doc.canUndo;
      this.canRedo.value = doc.canRedo;
      if (event.source === "saved" || event.source === "deleted") return;
      if (event.patches.some((patch) => patch.path[0] === "body" || patch.path.length === 0)) {
        this.revision.value++;
        // Who typed derives; the other tabs get the fields from there.
        if (event.source === "local") this.#derivesLater();
      }
      if (event.patches.some((patch) => patch.path[0] !== "body")) this.state.value = this.#read();
    });
  }

  static async open(id: DocumentId): Promise<OpenNote> {
    return new OpenNote(await theAvatar().docs.open<Note>(id));
  }

  /** Counts a write of this note until it is durable. */
  readonly write = (write: Promise<unknown>): void => {
    this.saved.value = false;
    void tracked(write).then(() => {
      this.saved.value = this.doc.saved;
      this.canUndo.value = this.doc.canUndo;
      this.canRedo.value = this.doc.canRedo;
    });
  };

  /** Sets the title: in the text where the text says it, else as a field. */
  setTitle(title: string): void {
    const clean = title.replace(/\s+/g, " ").trim();
    if (clean === this.doc.value.title || this.deleted.value) return;
    const edits = setTitle(this.doc.value.body ?? "", clean);
    if (edits && clean !== "") this.#edit(edits);
    else this.write(this.doc.change((draft) => void (draft.title = clean)));
    this.derive();
  }

  addTag(tag: string): void {
    this.#edit(addTag(this.doc.value.body ?? "", tag));
    this.derive();
  }

  removeTag(tag: string): void {
    this.#edit(removeTag(this.doc.value.body ?? "", tag));
    // Also where only the field says it.
    if (this.doc.value.tags?.includes(tag)) this.write(this.doc.change((draft) => void (draft.tags = draft.tags.filter((other) => other !== tag))));
    this.derive();
  }

  /** Whether an undo or redo is under way. */
  get isUndoing(): boolean {
    return this.#inUndo;
  }

  /** Takes back the last change that a person sees. */
  undo(): Promise<void> {
    return this.#step("undo");
  }

  redo(): Promise<void> {
    return this.#step("redo");
  }

  /** Brings the derived fields up to the text, now. */
  derive(): void {
    clearTimeout(this.#restTimer);
    this.#restTimer = undefined;
    this.#stale = false;
    if (this.doc.deleted) return;
    const { value } = this.doc;
    const body = value.body ?? "";
    const path = value.path ?? "";
    this.#length = body.length;
    const ofApplication = (value.tags ?? []).filter((tag) => !this.#tagsOfText.includes(tag));
    const facts = readText(body, path);
    this.#tagsOfText = facts.tags;
    this.#problem = facts.frontMatter.problem;
    const fields = deriveFields(body, path, { title: value.title ?? "", tags: ofApplication });
    const changed = Object.entries(fields).filter(([name, wanted]) => !same(value[name as keyof typeof fields], wanted));
    if (changed.length > 0) this.write(this.doc.change((draft) => void Object.assign(draft, Object.fromEntries(changed)), { message: DERIVED }));
    this.state.value = this.#read();
  }

  /** Brings the derived fields up if they wait. */
  settle(): void {
    if (this.#restTimer !== undefined || this.#stale) this.derive();
  }

  /** Closes the note; the fields are brought up first. */
  async close(): Promise<void> {
    this.settle();
    this.#stop();
    await tracked(this.doc.close());
  }

  #edit(edits: readonly TextEdit[]): void {
    // From the end, so that earlier positions stay true.
    for (const edit of [...edits].reverse()) this.write(this.doc.splice(["body"], edit.from, edit.to - edit.from, edit.insert));
    this.revision.value++;
  }

  #derivesLater(): void {
    if (this.#inUndo) {
      this.#stale = true;
      return;
    }
    clearTimeout(this.#restTimer);
    if (this.#length > HUGE_CHARS) this.#stale = true;
    else this.#restTimer = setTimeout(() => this.derive(), this.#length > BIG_CHARS ? BIG_REST_MS : REST_MS);
  }

  async #step(direction: "undo" | "redo"): Promise<void> {
    clearTimeout(this.#restTimer);
    this.#restTimer = undefined;
    this.#stale = true;
    let seen = false;
    const off = this.doc.subscribe((event) => {
      seen ||= event.patches.some((patch) => patch.path[0] === "body" || patch.path[0] === "title");
    });
    this.#inUndo = true;
    try {
      for (let step = 0; step < UNSEEN_STEPS && !seen; step++) {
        const did = await tracked(this.doc[direction]());
        if (did !== true) break;
      }
    } finally {
      this.#inUndo = false;
      off();
      this.canUndo.value = this.doc.canUndo;
      this.canRedo.value = this.doc.canRedo;
    }
  }

  #read(): NoteState {
    const { title = "", tags = [], names = [], path = "", encoding } = this.doc.value;
    return { title, tags, names, path, encoding, problem: this.#problem };
  }
}

function same(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, index) => item === b[index]);
  return a === b;
}
