import { randomBytes } from 'node:crypto';

const ID_LENGTH = 32;
/** One call to the system's generator serves this many requests. */
const DRAWN = 64;

/** Ids that nobody has yet, one behind the other. */
let drawn = '';
let next = 0;

/** A new request id: 128 random bits as 32 lower-case hexadecimal characters, the form Okta's ids have (docs/okta.md §6). */
export function newRequestId(): string {
  if (next === drawn.length) {
    drawn = randomBytes((DRAWN * ID_LENGTH) / 2).toString('hex');
    next = 0;
  }
  const start = next;
  next += ID_LENGTH;
  return drawn.slice(start, next);
}
