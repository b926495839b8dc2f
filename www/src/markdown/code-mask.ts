/**
 * Markdown code is not prose: `#define` is no tag and `[[ -f x ]]` no link. The mask has the text's length, with code and HTML comments blanked, so that
 * positions found in it are positions in the text.
 */
export function maskCode(text: string): string {
  return maskInline(maskFences(text));
}

const blank = (text: string): string => text.replace(/[^\r\n]/g, " ");

function maskFences(text: string): string {
  if (!text.includes("```") && !text.includes("~~~")) return text;
  const lines = text.split("\n");
  let fence: { char: string; length: number } | undefined;
  for (const [index, line] of lines.entries()) {
    const match = /^ {0,3}(`{3,}|~{3,})(.*)$/.exec(line);
    if (fence) {
      if (match && match[1]?.[0] === fence.char && match[1].length >= fence.length && match[2]?.trim() === "") fence = undefined;
      lines[index] = blank(line);
    } else if (match?.[1] && !(match[1][0] === "`" && match[2]?.includes("`"))) {
      fence = { char: match[1][0] as string, length: match[1].length };
      lines[index] = blank(line);
    }
  }
  return lines.join("\n");
}

function maskInline(text: string): string {
  let masked = text;
  if (masked.includes("<!--")) masked = masked.replace(/<!--[^]*?-->/g, blank);
  if (!masked.includes("`")) return masked;
  // A code span ends at a run of as many backticks as it began with; it does not cross an empty line. One pass over the runs keeps this linear.
  const runs = [...masked.matchAll(/`+/g)].map((match) => ({ at: match.index, length: match[0].length }));
  const placesOfLength = new Map<number, { at: number[]; next: number }>();
  for (const run of runs) {
    const places = placesOfLength.get(run.length);
    if (places) places.at.push(run.at);
    else placesOfLength.set(run.length, { at: [run.at], next: 0 });
  }
  const parts: string[] = [];
  let done = 0;
  for (const run of runs) {
    if (run.at < done) continue;
    const places = placesOfLength.get(run.length) as { at: number[]; next: number };
    while (places.next < places.at.length && (places.at[places.next] as number) <= run.at) places.next++;
    const close = places.at[places.next];
    if (close === undefined) continue;
    const end = close + run.length;
    const span = masked.slice(run.at, end);
    if (/\n[ \t]*\r?\n/.test(span)) continue;
    parts.push(masked.slice(done, run.at), blank(span));
    done = end;
  }
  parts.push(masked.slice(done));
  return parts.join("");
}
