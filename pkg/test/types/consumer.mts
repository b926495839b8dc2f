// What a developer writes, strictly typed. Compiled by types.test.mjs, never run.
import { AvatarError, AvatarLoadError, AvatarLockedError, createAvatar, type Avatar, type AvatarOptions, type Doc, type DocPatch, type IdentityState, type JoinProgress, type KeptCredential, type PeersState, type QueryResults, type SecuredDocument, type Snapshot, type VerificationReport } from "@dao/avatar";

interface Note {
  title: string;
  body?: string;
  tags: string[];
  due: Date | null;
  author: { name: string; keys: Uint8Array[] };
}

export async function application(options: AvatarOptions): Promise<void> {
  await using avatar: Avatar = await createAvatar(options);
  const note: Doc<Note> = await avatar.docs.create<Note>("note", { title: "t", tags: [], due: null, author: { name: "a", keys: [] } });
  const untyped = await avatar.docs.create("free", { anything: [1, "two", { three: null }] });
  const opened = await avatar.docs.open<Note>(note.id);

  const title: string = note.value.title;
  const tags: readonly string[] = note.value.tags;
  const name: Snapshot<Note>["author"]["name"] = opened.value.author.name;
  // @ts-expect-error A snapshot is read-only.
  note.value.title = "no";
  // @ts-expect-error And all that is in it.
  note.value.tags.push("no");

  await note.change((draft) => {
    draft.title = name;
    draft.tags.push(title, ...tags);
    draft.author.keys[0] = new Uint8Array(1);
    draft.due = new Date();
    delete draft.body;
    // @ts-expect-error No such field.
    draft.missing = 1;
  }, { message: "why" });
  await note.splice(["author", "name"], 0, 1, "x");

  const off = note.subscribe(({ source, patches, doc }) => {
    const kind: "local" | "remote" | "deleted" | "saved" = source;
    const text = patches.map((patch: DocPatch) => (patch.op === "splice" ? patch.insert : patch.op)).join();
    console.log(kind, text, doc.value.title);
  });
  off();

  const query = avatar.docs.query<Note>({ type: "note", where: { tags: { contains: "x" }, or: [{ title: "a" }, { due: { lt: new Date() } }] }, orderBy: ["-updatedAt"], select: ["title"], limit: 5 });
  const results: QueryResults<Note> = await query.get();
  const titles: (string | undefined)[] = results.map((row) => row.value.title);
  for await (const rows of query) console.log(rows.total, titles, untyped.value["anything"]);
  // @ts-expect-error Only fields that there are.
  avatar.docs.query<Note>({ select: ["missing"] });

  avatar.on("role", ({ role }) => console.log(role === "leader"));
  // @ts-expect-error No such event.
  avatar.on("nothing", () => undefined);
  const { storage, lacking } = await avatar.status();
  const kind: "indexeddb" | "folder" | "memory" = storage.kind;
  console.log(kind, lacking.join());
}

export async function owner(avatar: Avatar, file: Blob): Promise<void> {
  const { identity, credentials } = avatar;
  const state: IdentityState = await identity.state();
  const protection: "none" | "memory" | "file" | "platform" = state.protection;
  await identity.recovery.confirm((await identity.recovery.words()).slice(0, 3).map((word, index) => ({ index, word })));
  await identity.recovery.setPassphrase("a long one", { askAtStart: true });
  await identity.recovery.addPasskey({ label: "My laptop" });
  await identity.unlock({ passphrase: "a long one" });
  await identity.unlock({ words: ["abandon"] });
  await identity.unlock({ passkey: true });
  // @ts-expect-error No such secret.
  await identity.unlock({ pin: 1234 });
  const { documents, restored } = await identity.recovery.restore(file, { words: "…", checkOnly: true });
  const backup: Blob = await identity.recovery.backup();
  avatar.on("identity", ({ locked, devices }) => console.log(locked, devices.length, protection, documents, restored, backup.size));

  const issued: SecuredDocument = await credentials.issue({ credentialSubject: { id: state.did } }, { securing: "jose", keep: true });
  // @ts-expect-error No such securing.
  await credentials.issue({}, { securing: "rsa" });
  const report: VerificationReport = await credentials.verify(issued, { offline: true });
  const failed = report.checks.filter(({ outcome }) => outcome === "failed").map(({ id, detail }) => `${id}: ${detail}`);
  const cards: KeptCredential[] = await credentials.list();
  const { request, challenge } = await credentials.request({ domain: "club.example", types: ["Membership"] });
  await credentials.present([...cards.map(({ id }) => id), issued], { challenge, domain: "club.example" });
  console.log(failed, request["query"]);
}

export async function devices(avatar: Avatar, doc: Doc<Note>): Promise<void> {
  const { peers } = avatar;
  const state: PeersState = await peers.connect();
  avatar.on("peers", ({ devices, relays }) => console.log(devices[0]?.inSync, relays[0]?.problem, state.peerId));
  const { code, expiresAt, cancel } = await peers.invite();
  const told: JoinProgress[] = [];
  await peers.join(code, { name: "Phone", onProgress: (progress) => told.push(progress), signal: AbortSignal.timeout(expiresAt.getTime()) });
  await cancel();
  for (const { verdict, text } of await peers.diagnose()) console.log(verdict === "bad" ? text : "");
  doc.presence.set({ cursor: 5 });
  doc.presence.subscribe((others) => console.log(others.map(({ device, data }) => `${device}: ${JSON.stringify(data)}`)))();
}

export function explain(error: unknown): string {
  if (error instanceof AvatarLoadError) return error.code === "CSP_BLOCKED" ? "policy" : error.message;
  if (error instanceof AvatarLockedError) return error.code === "LOCKED" ? "locked" : error.message;
  if (error instanceof AvatarError) {
    // @ts-expect-error No such code.
    if (error.code === "NOT_A_CODE") return "never";
    return error.retryable ? "again" : error.code;
  }
  return "unknown";
}
