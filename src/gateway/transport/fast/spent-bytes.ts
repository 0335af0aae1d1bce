import { bodyTurnover } from '../general/body-turnover.ts';

/**
 * Gives the memory of bytes that came from a socket back at once, where nobody needs them any more. Left to V8 it would lie
 * until a collection: one of all objects, which costs as much processor time as to carry the body.
 * @param bytes read from a socket, or behind what of the same reading was read as text
 */
export function giveBack(bytes: Buffer): void {
  const { buffer, byteOffset, length } = bytes;
  // What does not end with its memory is followed by the next request; what is so small may stand in node's pool.
  const isLast = byteOffset + length === buffer.byteLength;
  if (isLast && length >= Buffer.poolSize && buffer instanceof ArrayBuffer) buffer.transfer(0);
  else bodyTurnover.passed(length);
}
