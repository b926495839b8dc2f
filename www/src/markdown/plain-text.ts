/** What Markdown says, without its signs: for titles and for the first words in lists. Approximate on purpose: a list needs no parser. */
export function plainText(markdown: string): string {
  return markdown
    .replace(/<!--[^]*?(?:-->|$)/g, " ")
    .replace(/^ {0,3}(`{3,}|~{3,})[^\n]*$/gm, " ")
    .replace(/!\[([^\]\n]*)\]\([^)\n]*\)/g, "$1")
    .replace(/!\[([^\]\n]*)\]\[[^\]\n]*\]/g, "$1")
    .replace(/!?\[\[([^[\]|\n]+)\|([^[\]\n]+)\]\]/g, "$2")
    .replace(/!?\[\[([^[\]\n]+)\]\]/g, "$1")
    .replace(/\[([^\]\n]*)\]\([^)\n]*\)/g, "$1")
    .replace(/\[([^\]\n]+)\]\[[^\]\n]*\]/g, "$1")
    .replace(/^ {0,3}\[[^\]\n]+\]:[^\n]*$/gm, " ")
    .replace(/<\/?[A-Za-z][^<>\n]*>/g, " ")
    .replace(/^\s{0,3}#{1,6}\s+/gm, "")
    .replace(/^\s*(?:>\s?)+/gm, "")
    .replace(/^\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?/gm, "")
    .replace(/^[\s|:=*_-]{3,}$/gm, " ")
    .replace(/(\*\*|__|~~)(?=\S)([^\n]*?\S)\1/g, "$2")
    .replace(/(^|[\s(])([*_])(?=\S)([^*_\n]*?\S)\2(?=$|[\s).,;:!?])/g, "$1$3")
    .replace(/`+([^`\n]*)`+/g, "$1")
    .replace(/&(amp|lt|gt|quot|nbsp);/g, (_, name: string) => ({ amp: "&", lt: "<", gt: ">", quot: '"', nbsp: " " })[name] ?? " ")
    .replace(/\\([!-/:-@[-`{-~])/g, "$1")
    .replace(/\s+/g, " ")
    .trim();
}
