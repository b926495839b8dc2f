/** Written by the build: the source of worker.js, as text. */
declare const source: string;
export default source;
