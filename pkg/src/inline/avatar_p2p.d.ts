/** Written by the build: see load/inline.ts. */
declare const text: string;
export default text;
