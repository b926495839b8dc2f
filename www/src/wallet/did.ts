/** A DID in short: enough to tell two apart at a glance. */
export function shortDid(did: string): string {
  return did.length <= 28 ? did : `${did.slice(0, 16)}…${did.slice(-6)}`;
}
