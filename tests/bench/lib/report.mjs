// Collects what was measured and what it is held against; prints it as a table.
import { table } from "../../../scripts/lib/table.mjs";

const ms = (value) => (value < 10 ? value.toFixed(2) : value.toFixed(0));

export class Report {
  measured = [];
  bars = [];

  /** One number. `value` in `unit` ("ms", "µs", "MB", …). */
  add(what, contestant, value, unit = "ms") {
    this.measured.push({ what, contestant, value, unit });
    process.stderr.write(`  ${what} · ${contestant}: ${ms(value)} ${unit}\n`);
  }

  /** A promise: `value` must be at most (or at least) `bar`. */
  bar(promise, value, bar, { atLeast = false, unit = "×" } = {}) {
    this.bars.push({ promise, value, bar, atLeast, unit, pass: atLeast ? value >= bar : value <= bar });
  }

  get missed() {
    return this.bars.filter((bar) => !bar.pass);
  }

  toString() {
    const numbers = table(
      ["measured", "contestant", "", ""],
      this.measured.map(({ what, contestant, value, unit }) => [what, contestant, ms(value), unit]),
    );
    const promises = table(
      ["promise", "measured", "bar", ""],
      this.bars.map(({ promise, value, bar, atLeast, unit, pass }) => [promise, `${value.toFixed(value < 10 ? 3 : 1)} ${unit}`, `${atLeast ? "≥" : "≤"} ${bar} ${unit}`, pass ? "pass" : "MISS"]),
    );
    return `${numbers}\n\n${promises}`;
  }
}
