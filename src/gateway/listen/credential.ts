/**
 * The token in an `Authorization` value: what follows one of the schemes, which are compared without regard to case
 * (RFC 9110 §11.1; Okta's is `SSWS`, docs/okta.md §6).
 * @returns the bare secret, empty when nothing follows the scheme; null when the scheme is none of these
 */
export function secretIn(value: string, schemes: readonly string[]): string | null {
  for (const scheme of schemes) {
    const after = value.charCodeAt(scheme.length);
    // Nothing, a space or a tab ends the scheme.
    if (!Number.isNaN(after) && after !== 0x20 && after !== 0x09) continue;
    if (value.slice(0, scheme.length).toLowerCase() === scheme.toLowerCase()) {
      return value.slice(scheme.length).trim();
    }
  }
  return null;
}
