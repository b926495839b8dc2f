// Everything that an origin keeps in a browser, as bytes: for tests that look for what must not be there. The function runs in the page.

/** All records of IndexedDB (keys and values), all cached responses, localStorage, sessionStorage, cookies and OPFS: [{ where, base64 }]. */
export function dumpOrigin(page) {
  return page.evaluate(async () => {
    const found = [];
    const encoder = new TextEncoder();
    const toBase64 = (bytes) => {
      let text = "";
      for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
      return btoa(text);
    };
    const add = (where, bytes) => found.push({ where, base64: toBase64(bytes) });
    const asked = (request) => new Promise((resolve, reject) => ((request.onsuccess = () => resolve(request.result)), (request.onerror = () => reject(request.error))));
    /** The bytes in a stored value, however it is put together; what cannot be read, such as a key that the browser guards, by its kind. */
    const bytesOf = (value) => {
      if (value instanceof ArrayBuffer) return new Uint8Array(value);
      if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
      if (value instanceof CryptoKey) return encoder.encode(`CryptoKey ${value.type} ${value.algorithm.name} extractable=${value.extractable}`);
      if (Array.isArray(value) || (typeof value === "object" && value !== null)) {
        const parts = Object.entries(value).flatMap(([key, inner]) => [encoder.encode(`${key}:`), bytesOf(inner)]);
        const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
        let at = 0;
        for (const part of parts) (all.set(part, at), (at += part.length));
        return all;
      }
      return encoder.encode(String(value));
    };

    for (const { name } of await indexedDB.databases()) {
      const database = await asked(indexedDB.open(name));
      for (const store of database.objectStoreNames) {
        const transaction = database.transaction(store, "readonly");
        const [keys, values] = await Promise.all([asked(transaction.objectStore(store).getAllKeys()), asked(transaction.objectStore(store).getAll())]);
        keys.forEach((key, at) => {
          add(`IndexedDB ${name}/${store} key`, bytesOf(key));
          add(`IndexedDB ${name}/${store} value`, bytesOf(values[at]));
        });
      }
      database.close();
    }
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      for (const request of await cache.keys()) {
        const response = await cache.match(request);
        add(`Cache ${name} ${request.url}`, encoder.encode(request.url));
        add(`Cache ${name} ${request.url}`, new Uint8Array(await response.arrayBuffer()));
      }
    }
    for (const [where, storage] of [["localStorage", localStorage], ["sessionStorage", sessionStorage]]) {
      for (const [key, value] of Object.entries(storage)) add(where, encoder.encode(`${key}=${value}`));
    }
    add("cookies", encoder.encode(document.cookie));
    const walk = async (folder, path) => {
      for await (const [name, handle] of folder.entries()) {
        add(`OPFS ${path}${name} name`, encoder.encode(name));
        if (handle.kind === "directory") await walk(handle, `${path}${name}/`);
        else add(`OPFS ${path}${name}`, new Uint8Array(await (await handle.getFile()).arrayBuffer()));
      }
    };
    await walk(await navigator.storage.getDirectory(), "/");
    return found;
  });
}

/** Where in these bytes one of the texts stands, in UTF-8 or UTF-16: a sentence for each find. */
export function findTexts(where, bytes, texts) {
  const finds = [];
  for (const text of texts) {
    for (const encoding of ["utf8", "utf16le"]) if (bytes.includes(Buffer.from(text, encoding))) finds.push(`${JSON.stringify(text)} (${encoding}) in ${where}`);
  }
  return finds;
}
