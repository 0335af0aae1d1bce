import type { Socket } from 'node:net';
import { bodyTurnover } from '../general/body-turnover.ts';
import { readInto } from './read-into.ts';
import { giveBack } from './spent-bytes.ts';

/** What one reading brings at the most. */
const MOST_BYTES = 64 * 1024;
/** What every plain connection of the process is read into: what it brings is judged before the next is read. */
const READ_BUFFER = Buffer.allocUnsafeSlow(MOST_BYTES);
/** Where bodies stand while they are written, which is nearly always at once. */
let bodyBuffer = Buffer.allocUnsafeSlow(MOST_BYTES);

/**
 * Brings what a client sends: in place where Node offers it, else by events (docs/adr/0031-reading-clients-in-place.md).
 * Bytes are lent to who hears them, until it returns.
 */
export class ClientReading {
  /** What the connection is read and written by. */
  readonly socket: Socket;
  readonly #hear: (bytes: Buffer) => void;
  #handedOver = false;

  /** @param accepted nothing was read of it yet; not to be used any more */
  constructor(accepted: Socket, hear: (bytes: Buffer) => void) {
    this.#hear = hear;
    const inPlace = readInto(accepted, { buffer: READ_BUFFER, callback: this.#onRead });
    this.socket = inPlace ?? accepted;
    if (inPlace === null) accepted.on('data', hear);
    else inPlace.resume();
  }

  /** Bytes that stay as these are. */
  kept(bytes: Buffer): Buffer {
    return isLent(bytes) ? Buffer.from(bytes) : bytes;
  }

  /** Bytes of a body that stay as these are until `written`. There is one piece at a time. */
  toWrite(bytes: Buffer): Buffer {
    if (!isLent(bytes)) return bytes;
    bytes.copy(bodyBuffer);
    return bodyBuffer.subarray(0, bytes.length);
  }

  /**
   * @param bytes what `toWrite` gave
   * @param held whether they are still needed where they stand
   */
  written(bytes: Buffer, held: boolean): void {
    const isCopy = bytes.buffer === bodyBuffer.buffer;
    if (held) bodyTurnover.passed(isCopy ? MOST_BYTES : bytes.length);
    else if (!isCopy) giveBack(bytes);
    if (held && isCopy) bodyBuffer = Buffer.allocUnsafeSlow(MOST_BYTES);
  }

  /** From now on the socket is read as any other, beginning with these bytes. It is paused. */
  handOver(bytes: Buffer): void {
    const { socket } = this;
    this.#handedOver = true;
    socket.off('data', this.#hear);
    socket.pause();
    socket.unshift(this.kept(bytes));
  }

  /** @param length of what stands in `READ_BUFFER` */
  #onRead = (length: number): boolean => {
    const bytes = READ_BUFFER.subarray(0, length);
    if (this.#handedOver) return this.socket.push(Buffer.from(bytes));
    this.#hear(bytes);
    return true;
  };
}

/** Whether the next reading overwrites these bytes. */
function isLent(bytes: Buffer): boolean {
  return bytes.buffer === READ_BUFFER.buffer;
}
