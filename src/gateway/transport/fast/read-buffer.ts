/** Room for a head, and for as much behind it as many a system and server hand over at once: both come in one reading. */
const BUFFER_BYTES = (16 + 64) * 1024;
/** So many are kept for connections that will come: 5 MiB. */
const MOST_SPARE = 64;
const NOTHING = Buffer.alloc(0);

/**
 * What connections that are gone were read into. Left to V8 it would lie, outside its heap, until a collection of all
 * objects: some hundred of them at any time where connections come and go, and gaps between what is allocated meanwhile.
 */
const spare: Buffer[] = [];

/** What one connection is read into, again and again, unless somebody still needs what is in it. */
export class ReadBuffer {
  #bytes: Buffer = spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
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
      this.#bytes = spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
    }
    return this.#bytes;
  };

  /** Leaves the memory to another connection: its own is closed, and nothing is read any more. */
  giveBack(): void {
    // Who was lent the bytes writes from them still, and it is not told when that is over.
    if (!this.#lent && this.#bytes !== NOTHING && spare.length < MOST_SPARE) spare.push(this.#bytes);
    this.#bytes = NOTHING;
  }
}
