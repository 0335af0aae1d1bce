/** Room for a head, and for as much behind it as many a system and server hand over at once: both come in one reading. */
const BUFFER_BYTES = (16 + 64) * 1024;

/** What one connection is read into, again and again, unless somebody still needs what is in it. */
export class ReadBuffer {
  #bytes: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #lent = false;

  /** What was read last stands here, from its beginning. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Keeps the bytes from being read into again. @returns how large their memory is */
  lend(): number {
    this.#lent = true;
    return BUFFER_BYTES;
  }

  /** The buffer for the next reading. */
  next = (): Buffer => {
    if (this.#lent) {
      this.#lent = false;
      this.#bytes = Buffer.allocUnsafeSlow(BUFFER_BYTES);
    }
    return this.#bytes;
  };
}
