/*
 * The little of RFC 6455 that the gateway speaks itself: where the frames of the upstream end, so that a Close frame
 * of its own can follow one, and that Close frame. What frames carry is never looked at.
 */

const OPCODE_CLOSE = 0x8;
const FINAL = 0x80;
const MASKED = 0x80;
const MASK_BYTES = 4;
const SHORTEST_HEAD = 2;
/** A control frame carries up to 125 bytes, of which the code takes two (RFC 6455 §5.5). */
const REASON_BYTES = 123;

/** Follows the lengths of the frames in one direction of a tunnel (RFC 6455 §5.2). */
export class FrameEnds {
  #headRead = 0;
  /** Where in the head the length ends, and where the head ends; the second byte of a head tells. */
  #lengthEnd = SHORTEST_HEAD;
  #headEnd = SHORTEST_HEAD;
  #bodyLength = 0;
  #bodyLeft = 0;
  #closeSeen = false;

  /** Whether all that has passed is whole frames. */
  get atEnd(): boolean {
    return this.#headRead === 0 && this.#bodyLeft === 0;
  }

  /** Whether the head of a Close frame has passed, after which nothing more may be said. */
  get closeSeen(): boolean {
    return this.#closeSeen;
  }

  /**
   * Takes the next bytes that pass.
   * @returns the offset in `chunk` just behind the first frame that ends in it, or -1 when none does
   */
  follow(chunk: Buffer): number {
    let first = -1;
    let at = 0;
    while (at < chunk.length) {
      if (this.#bodyLeft > 0) {
        const step = Math.min(this.#bodyLeft, chunk.length - at);
        this.#bodyLeft -= step;
        at += step;
      } else {
        this.#takeHeadByte(chunk.readUInt8(at));
        at += 1;
      }
      if (first === -1 && this.atEnd) first = at;
    }
    return first;
  }

  #takeHeadByte(byte: number): void {
    if (this.#headRead === 0) {
      if ((byte & 0x0f) === OPCODE_CLOSE) this.#closeSeen = true;
    } else if (this.#headRead === 1) {
      const short = byte & 0x7f;
      const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
      this.#bodyLength = lengthBytes === 0 ? short : 0;
      this.#lengthEnd = SHORTEST_HEAD + lengthBytes;
      this.#headEnd = this.#lengthEnd + ((byte & MASKED) === 0 ? 0 : MASK_BYTES);
    } else if (this.#headRead < this.#lengthEnd) {
      this.#bodyLength = this.#bodyLength * 256 + byte;
    }
    this.#headRead += 1;
    if (this.#headRead === this.#headEnd) {
      this.#bodyLeft = this.#bodyLength;
      this.#headRead = 0;
      this.#headEnd = SHORTEST_HEAD;
    }
  }
}

/**
 * A Close frame as a server sends it, without a mask (RFC 6455 §5.5.1).
 * @param code a status code of RFC 6455 §7.4
 * @param reason for people, at most 123 bytes of ASCII; what is longer is cut
 */
export function closeFrame(code: number, reason: string): Buffer {
  const text = Buffer.from(reason, 'latin1').subarray(0, REASON_BYTES);
  const frame = Buffer.alloc(4 + text.length);
  frame[0] = FINAL | OPCODE_CLOSE;
  frame[1] = 2 + text.length;
  frame.writeUInt16BE(code, 2);
  text.copy(frame, 4);
  return frame;
}
