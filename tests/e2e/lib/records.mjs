// Reaches into the database behind the node's back, from a page in which no Avatar runs: what a failing disk, a bug or a curious extension might do.
// These functions run in the page.

/** Damages each record for which `choose(keyHex)` says so, by flipping one bit in the middle of its value. Gives the keys in hex. */
export async function damageRecords(page, name, choose) {
  return page.evaluate(
    `async (name) => {
      const choose = ${choose};
      const open = indexedDB.open("avatar:" + name);
      const database = await new Promise((resolve, reject) => { open.onsuccess = () => resolve(open.result); open.onerror = () => reject(open.error); });
      try {
        const transaction = database.transaction("records", "readwrite");
        const store = transaction.objectStore("records");
        const done = new Promise((resolve, reject) => { transaction.oncomplete = resolve; transaction.onabort = () => reject(transaction.error); });
        const damaged = [];
        store.openCursor().onsuccess = ({ target: { result: cursor } }) => {
          if (!cursor) return;
          const key = Array.from(new Uint8Array(cursor.key), (byte) => byte.toString(16).padStart(2, "0")).join("");
          if (choose(key)) {
            const value = new Uint8Array(cursor.value).slice();
            value[value.length >> 1] ^= 0x10;
            cursor.update(cursor.value instanceof ArrayBuffer ? value.buffer : value);
            damaged.push(key);
          }
          cursor.continue();
        };
        await done;
        return damaged;
      } finally {
        database.close();
      }
    }`,
    name,
  );
}

/** The 16 bytes behind a document's id, in hex: they stand in the keys of its records. */
export function hexOfId(id) {
  const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
  const number = [...id].reduce((sum, character) => (sum << 5n) | BigInt(alphabet.indexOf(character)), 0n);
  return number.toString(16).padStart(32, "0");
}
