/** The code of an invitation, and the link that carries it. */

const LINK = "#/link/";

/** The link that opens the app with a code. The code stands behind the `#`, which no browser sends to a server. */
export function linkOf(code: string, page: string): string {
  return `${page.replace(/#.*$/, "")}${LINK}${encodeURIComponent(code)}`;
}

/** The code in what a person pasted or scanned: a link, or the code itself. */
export function codeIn(text: string): string {
  const trimmed = text.trim();
  const at = trimmed.indexOf(LINK);
  const code = at < 0 ? trimmed : trimmed.slice(at + LINK.length);
  try {
    return decodeURIComponent(code);
  } catch {
    // A lone "%": it is no link of ours, and the node will say so.
    return code;
  }
}
