/** Whether a part of an address names a kept credential, and not a task. */
export function isCredentialId(text: string): boolean {
  return /^[0-9a-hjkmnp-tv-z]{26}$/.test(text);
}
