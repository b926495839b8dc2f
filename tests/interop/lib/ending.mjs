// What a test started ends in the reverse order: a peer before the relay that it knows, which it would dial again otherwise.
const endings = new WeakMap();

/** Calls `end` after the test `t`, before what was put here earlier. */
export function atEnd(t, end) {
  const known = endings.get(t);
  if (known) return void known.unshift(end);
  const all = [end];
  endings.set(t, all);
  t.after(async () => {
    for (const end of all) await end();
  });
}
