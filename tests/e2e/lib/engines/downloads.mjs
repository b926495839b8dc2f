// What a browser saved, for the drivers that only name a folder.
import { watch } from "node:fs";
import { readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

const isPartial = (name) => /\.(part|crdownload|wkdownload)$/.test(name);

/** Runs `action` and gives the file that it makes the browser save into `folder`. */
export async function collectDownload(folder, action, timeoutMs = 30_000) {
  const before = new Set(await readdir(folder));
  const watcher = watch(folder);
  try {
    await action();
    const deadline = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const names = await readdir(folder);
      const name = names.find((each) => !before.has(each) && !isPartial(each));
      if (name && !names.some(isPartial)) {
        const bytes = await readFile(join(folder, name));
        // Firefox makes the final name first, empty, and fills it by a rename.
        if (bytes.length > 0) {
          await rm(join(folder, name));
          return { name, bytes };
        }
      }
      await new Promise((resolve, reject) => {
        watcher.once("change", resolve);
        deadline.addEventListener("abort", () => reject(new Error(`nothing was saved within ${timeoutMs} ms; the folder has: ${names.join(", ") || "nothing"}`)), { once: true });
      });
    }
  } finally {
    watcher.close();
  }
}
