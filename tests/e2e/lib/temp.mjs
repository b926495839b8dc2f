// Temporary folders that go when the test does.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A fresh folder. `remove` is patient: a browser that was just killed may still be letting go of files. */
export async function temporaryFolder(label = "avatar-e2e") {
  const path = await mkdtemp(join(tmpdir(), `${label}-`));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }) };
}
