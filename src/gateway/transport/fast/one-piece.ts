/**
 * The same text with its characters in one place. V8 keeps a text that was put together as its parts, and one that was
 * cut out as a view of the whole: what is kept for long should be neither, nor keep alive what it came from.
 * @param text one character for each byte
 */
export function inOnePiece(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
