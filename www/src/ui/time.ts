const DAY_MS = 24 * 60 * 60 * 1_000;
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const thisYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const anyYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

/** A time as one says it: the hour today, the day this week, else the date. */
export function shownTime(time: Date, now = new Date()): string {
  const ago = now.getTime() - time.getTime();
  if (time.toDateString() === now.toDateString()) return clock.format(time);
  if (new Date(now.getTime() - DAY_MS).toDateString() === time.toDateString()) return "Yesterday";
  if (ago >= 0 && ago < 6 * DAY_MS) return weekday.format(time);
  return (time.getFullYear() === now.getFullYear() ? thisYear : anyYear).format(time);
}
