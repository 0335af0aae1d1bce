/** Hears of the data of a chunked body, piece by piece: `start` and `end` are indexes of the bytes that were read. */
export type OnData = (start: number, end: number) => void;

type Awaits = 'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailer' | 'over';

const CR = 0x0d;
const LF = 0x0a;
const TAB = 0x09;
const SPACE = 0x20;
const DELETE = 0x7f;
const SEMICOLON = 0x3b;

/** Digits of a chunk's size: what they state is a safe integer. */
const MOST_DIGITS = 13;
/** Bytes of extensions, and of trailers, of a whole body. */
const MOST_BYTES = 16 * 1024;
const TRAILERS = /^(?:[A-Za-z0-9!#$%&'*+.^_`|~-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n$/;

/** Reads one chunked body (RFC 9112 §7.1), strictly. Extensions are dropped, trailers are kept as they came. */
export class ChunkReader {
  /** The trailers as they came, with the empty line behind them, once the body is over. */
  trailers = '';
  #awaits: Awaits = 'size';
  #size = 0;
  #digits = 0;
  #extensionBytes = 0;

  /** Makes ready for another body. */
  restart(): void {
    this.trailers = '';
    this.#awaits = 'size';
    this.#size = 0;
    this.#digits = 0;
    this.#extensionBytes = 0;
  }

  get isOver(): boolean {
    return this.#awaits === 'over';
  }

  /**
   * Reads on.
   * @returns the index of the first byte that is not the body's, `end` when all are; -1 when they are no chunks
   */
  read(bytes: Buffer, start: number, end: number, onData: OnData): number {
    let at = start;
    while (at < end && this.#awaits !== 'over') {
      if (this.#awaits === 'data') {
        const dataEnd = Math.min(end, at + this.#size);
        onData(at, dataEnd);
        this.#size -= dataEnd - at;
        at = dataEnd;
        if (this.#size === 0) this.#awaits = 'data-cr';
      } else {
        if (!this.#take(bytes[at] ?? 0)) return -1;
        at += 1;
      }
    }
    return at;
  }

  /** Takes one byte of the framing. @returns false when it cannot stand there */
  #take(byte: number): boolean {
    switch (this.#awaits) {
      case 'size':
        return this.#takeSize(byte);
      case 'extension':
        return this.#takeExtension(byte);
      case 'size-lf':
        this.#awaits = this.#size === 0 ? 'trailer' : 'data';
        this.#digits = 0;
        return byte === LF;
      case 'data-cr':
        this.#awaits = 'data-lf';
        return byte === CR;
      case 'data-lf':
        this.#awaits = 'size';
        return byte === LF;
      default:
        return this.#takeTrailer(byte);
    }
  }

  #takeSize(byte: number): boolean {
    const digit = hexadecimal(byte);
    if (digit !== -1) {
      this.#size = this.#size * 16 + digit;
      this.#digits += 1;
      return this.#digits <= MOST_DIGITS;
    }
    if (byte === CR) this.#awaits = 'size-lf';
    else if (byte === SEMICOLON) this.#awaits = 'extension';
    else return false;
    return this.#digits > 0;
  }

  #takeExtension(byte: number): boolean {
    this.#extensionBytes += 1;
    if (byte === CR) this.#awaits = 'size-lf';
    else if (byte === DELETE || (byte < SPACE && byte !== TAB)) return false;
    return this.#extensionBytes <= MOST_BYTES;
  }

  #takeTrailer(byte: number): boolean {
    this.trailers += String.fromCharCode(byte);
    if (byte === LF && (this.trailers === '\r\n' || this.trailers.endsWith('\r\n\r\n'))) {
      this.#awaits = 'over';
      return TRAILERS.test(this.trailers);
    }
    return this.trailers.length <= MOST_BYTES;
  }
}

/** @returns the digit's value, or -1 when it is none */
function hexadecimal(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
