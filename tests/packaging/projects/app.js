// The application that every bundler builds: it leaves what it saw in globalThis.result, for the test to read.
import { AvatarError, createAvatar } from "@dao/avatar";

async function run() {
  const avatar = await createAvatar({ name: "packaging" });
  const doc = await avatar.docs.create("note", { title: "Hello", body: "", tags: ["x"] });
  await doc.change((draft) => {
    draft.title = "Hello, bundler";
  });
  await doc.splice(["body"], 0, 0, "typed");
  const found = await avatar.docs.query({ type: "note", where: { tags: { contains: "x" } } }).get();
  const missing = await avatar.docs.open("00000000000000000000000000").catch((error) => error);
  const status = await avatar.status();
  const result = {
    did: avatar.did,
    value: doc.value,
    titles: found.map((row) => row.value.title),
    typedError: missing instanceof AvatarError && missing.code,
    storage: status.storage.kind,
  };
  await avatar.close();
  return result;
}

run().then(
  (result) => (globalThis.result = { ok: result }),
  (error) => (globalThis.result = { error: `${error?.name} ${error?.code}: ${error?.message}\n${error?.stack}\ncause: ${error?.cause}` }),
);
