// IndexedDB by itself: the floor that every store in a browser stands on.
import { timed } from "./workload.js";

const VALUE = new Uint8Array(256).fill(7);

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(`raw-${crypto.randomUUID()}`, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("records");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function committed(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

globalThis.contestant = {
  /** `count` transactions of one put each, each awaited before the next. */
  async transactions({ count, durability }) {
    const database = await open();
    return timed(async () => {
      for (let n = 0; n < count; n++) {
        const transaction = database.transaction("records", "readwrite", { durability });
        transaction.objectStore("records").put(VALUE, n);
        await committed(transaction);
      }
    });
  },

  /** `count` puts in one transaction. */
  async puts({ count, durability }) {
    const database = await open();
    return timed(async () => {
      const transaction = database.transaction("records", "readwrite", { durability });
      const store = transaction.objectStore("records");
      for (let n = 0; n < count; n++) store.put(VALUE, n);
      await committed(transaction);
    });
  },
};
