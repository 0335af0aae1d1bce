import { hash } from 'node:crypto';

/**
 * The entity tag of a record's version (RFC 9110 §8.8.3), weak and in the form of Okta's: it follows what people
 * change, not what a token's use changes.
 */
export function entityTag(version: unknown): string {
  return `W/"${hash('sha256', JSON.stringify(version), 'base64url').slice(0, 22)}"`;
}

/**
 * Whether `If-Match` lets a change go ahead. Tags are compared weakly, as Okta does it: there are no strong ones.
 * @param ifMatch the header's value, or null when there is none
 * @param current the record's tag
 */
export function matches(ifMatch: string | null, current: string): boolean {
  if (ifMatch === null || ifMatch.trim() === '*') return true;
  const opaque = (tag: string) => tag.trim().replace(/^W\//, '');
  return ifMatch.split(',').some((tag) => opaque(tag) === opaque(current));
}
