import { bodyTurnover } from '../general/body-turnover.ts';

/** Of less, what is saved is not worth the call. */
const WORTH_BYTES = 4 * 1024;

/**
 * Gives the memory of bytes that came from a socket back at once, where nobody needs them any more. Left to V8 it would lie
 * until a collection: one of all objects, which costs as much processor time as to carry the body.
 * @param bytes read from a socket, or behind what of the same reading was read as text; empty from then on
 */
export function giveBack(bytes: Buffer): void {
  const { buffer, byteOffset, length } = bytes;
  // What does not end with its memory is followed by the next request.
  const isLast = byteOffset + length === buffer.byteLength;
  // node's pool is so large, and what is of it at most half as large.
  const mayBePooled = buffer.byteLength === Buffer.poolSize && length <= Buffer.poolSize / 2;
  if (isLast && !mayBePooled && length >= WORTH_BYTES && buffer instanceof ArrayBuffer) buffer.transfer(0);
  else bodyTurnover.passed(length);
}
