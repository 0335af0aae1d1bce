import { randomInt } from 'node:crypto';

export const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** What a record's id begins with, as Okta has it: token, user, zone, agent, principal rate limit (a token's share). */
export type IdPrefix = '00T' | '00u' | 'nzo' | 'a53' | 'prl';

/** A new record id: the prefix and 17 random characters, about 101 bits. */
export function newId(prefix: IdPrefix): string {
  return prefix + randomBase62(17);
}

/** `length` characters, each drawn from the 62 with the same chance by the system's secure generator. */
export function randomBase62(length: number): string {
  let text = '';
  for (let i = 0; i < length; i++) text += BASE62.charAt(randomInt(BASE62.length));
  return text;
}
