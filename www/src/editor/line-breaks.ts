/**
 * CodeMirror counts every line break as one character; a file with Windows' line breaks has two there. The text of a note keeps its bytes, so positions are translated.
 */

/** Whether every line break of the text is CR LF. Mixed texts are edited as they are, the stray CR shown as a space. */
export function isCrlf(text: string): boolean {
  const first = text.indexOf("\n");
  if (first <= 0 || text[first - 1] !== "\r") return false;
  return !/(^|[^\r])\n|\r(?!\n)/.test(text);
}

/** Text as the editor holds it. */
export const toEditor = (text: string, crlf: boolean): string => (crlf ? text.replaceAll("\r\n", "\n") : text);

/** Text as the note holds it. */
export const toNote = (text: string, crlf: boolean): string => (crlf ? text.replaceAll("\n", "\r\n") : text);
