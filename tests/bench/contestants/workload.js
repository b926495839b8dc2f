// What every contestant is asked to do, the same for all.

/** The nth note: about 300 bytes of content. */
export function note(n) {
  return { title: `Note ${String(n).padStart(5, "0")}`, body: `${n} `.padEnd(200, "lorem ipsum dolor sit amet "), tags: [`tag${n % 10}`] };
}

/** The first `limit` keystrokes of the editing trace: [position, deleted, inserted]. */
export async function keystrokes(limit) {
  const trace = await (await fetch("/trace.json")).json();
  return trace.txns.flatMap((transaction) => transaction.patches).slice(0, limit);
}

/** The text that these keystrokes make, by nothing but arrays: what each contestant is checked against. */
export function expectedText(edits) {
  const characters = [];
  for (const [position, deleted, inserted] of edits) characters.splice(position, deleted, ...inserted);
  return characters.join("");
}

/** Lets the browser do other things: later tasks run before this resolves. */
export function nextTask() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** Shows the titles as a list, as a page would, and gives the milliseconds since the navigation began. */
export function showTitles(titles) {
  const list = document.createElement("ul");
  for (const title of titles) list.append(Object.assign(document.createElement("li"), { textContent: title }));
  document.body.append(list);
  return performance.now();
}

/** Milliseconds that `work` takes. */
export async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

export function assertEqual(actual, expected, what) {
  if (actual !== expected) throw new Error(`${what}: expected ${String(expected).slice(0, 80)}, got ${String(actual).slice(0, 80)}`);
}
