import { randomFillSync } from 'node:crypto';

const ID_BYTES = 16;
// One call to the system's generator serves this many requests.
const pool = Buffer.allocUnsafe(ID_BYTES * 256);
let next = pool.length;

/** A new request id: 128 random bits as 32 lower-case hexadecimal characters, the form Okta's ids have (docs/okta.md §6). */
export function newRequestId(): string {
  if (next === pool.length) {
    randomFillSync(pool);
    next = 0;
  }
  const start = next;
  next += ID_BYTES;
  return pool.toString('hex', start, next);
}
