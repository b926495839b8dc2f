// Waiting for something to become true in a page, the same way in every engine.

/**
 * Looks from inside the page, in one call of at most a second at a time: so a page whose Content-Security-Policy forbids `eval` is no obstacle (the drivers' own
 * waiters compile strings later, on their own), a tab behind another is looked at all the same (it gets no animation frames), and a navigation in between ends the
 * call and not the wait.
 */
export async function waitFor(page, fn, args = [], timeoutMs = 30_000) {
  const deadline = Date.now() + timeoutMs;
  let lastError;
  while (Date.now() < deadline) {
    const lookForMs = Math.min(1_000, deadline - Date.now());
    const looking = `async (args, lookForMs) => {
      const untilMs = performance.now() + lookForMs;
      for (;;) {
        const value = await (${fn})(...args);
        if (value) return value;
        if (performance.now() > untilMs) return null;
        await new Promise((resolve) => setTimeout(resolve, 15));
      }
    }`;
    const value = await page.evaluate(looking, args, lookForMs).catch((error) => {
      lastError = error;
      return null;
    });
    if (value) return value;
  }
  throw new Error(`not true within ${timeoutMs} ms: ${String(fn).replace(/\s+/g, " ")} with ${JSON.stringify(args)}`, { cause: lastError });
}
