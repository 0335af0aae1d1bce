import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Clock } from '../../../kernel/clock.ts';
import { closeFrame, FrameEnds } from './websocket-frames.ts';

/** The two ends of an open tunnel and its bounds. */
export interface TunnelEnds {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly clock: Clock;
  /** How long a tunnel may stay without a byte either way, in milliseconds. */
  readonly idleMs: number;
  /** How long an end may take to close after the other has, in milliseconds. */
  readonly graceMs: number;
}

/**
 * What http-proxy-3 is given in place of the client's socket, so that the client is out of its reach until the
 * upstream has agreed. The library writes a response head of its own and starts to pipe before anybody can look at
 * the upstream's answer; so what it writes goes nowhere, and what the client sends is not read from here, until
 * `open`. From then on bytes pass both ways as they come, at the pace of the slower side.
 */
export class Tunnel extends Duplex {
  readonly #frames = new FrameEnds();
  #ends: TunnelEnds | null = null;
  #parting: Buffer | null = null;
  #parted = false;
  #hearsClient = true;
  #winding = false;
  #bytesIn = 0;
  #bytesOut = 0;

  /** Joins the two ends. Call once, in the tick in which the upstream's 101 was seen. */
  open(ends: TunnelEnds): void {
    const { client, upstream, idleMs } = ends;
    this.#ends = ends;
    client.setNoDelay(true);
    // Every byte of the tunnel passes the client's socket, so its timer sees them all.
    client.setTimeout(idleMs, () => this.part(1001, 'idle'));
    client.on('data', (chunk: Buffer) => {
      if (!this.#hearsClient) return;
      this.#bytesIn += chunk.length;
      if (!this.push(chunk)) client.pause();
    });
    client.once('end', () => {
      this.push(null);
      this.#windDown(ends);
    });
    client.once('close', () => {
      this.destroy();
      upstream.destroy();
    });
    upstream.once('close', (failed: boolean) => {
      if (failed && !this.#parted) client.destroy();
    });
  }

  /** Bytes that came from the client, and from the upstream. */
  get passed(): { readonly bytesIn: number; readonly bytesOut: number } {
    return { bytesIn: this.#bytesIn, bytesOut: this.#bytesOut };
  }

  /** Whether the upstream's Close frame has passed: the conversation came to its end, and was not cut. */
  get concluded(): boolean {
    return this.#frames.closeSeen && this.#parting === null;
  }

  /**
   * Ends an open tunnel from within: nothing more of the client's reaches the upstream from this moment; the frame
   * that is passing to the client may end; then the client gets a Close frame, and a grace to go.
   * @param code a status code of RFC 6455 §7.4
   * @param reason for people, ASCII
   */
  part(code: number, reason: string): void {
    const ends = this.#ends;
    if (ends === null || this.#parting !== null) return;
    this.#parting = closeFrame(code, reason);
    this.#stopHearing(ends);
    this.#windDown(ends);
    if (this.#frames.atEnd) this.#sayGoodbye(ends, this.#parting);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const ends = this.#ends;
    if (ends === null || this.#parted) {
      done();
      return;
    }
    this.#bytesOut += chunk.length;
    const frameEnd = this.#frames.follow(chunk);
    if (this.#parting !== null && frameEnd !== -1) {
      ends.client.write(chunk.subarray(0, frameEnd));
      this.#sayGoodbye(ends, this.#parting);
      done();
    } else if (ends.client.write(chunk)) done();
    else ends.client.once('drain', done);
  }

  override _read(): void {
    this.#ends?.client.resume();
  }

  override _final(done: () => void): void {
    const ends = this.#ends;
    if (ends !== null) {
      ends.client.end();
      this.#stopHearing(ends);
      this.#windDown(ends);
    }
    done();
  }

  /** What the client still sends is read and thrown away, so that its end is seen. */
  #stopHearing({ client }: TunnelEnds): void {
    this.#hearsClient = false;
    client.resume();
  }

  #sayGoodbye({ client, upstream }: TunnelEnds, goodbye: Buffer): void {
    this.#parted = true;
    // After a Close frame of the upstream's own, another would be out of order (RFC 6455 §5.5.1).
    if (!this.#frames.closeSeen && !client.writableEnded) client.write(goodbye);
    client.end();
    upstream.destroy();
  }

  /** One end is going: the other, and the last bytes on their way, get the grace and no more. */
  #windDown({ client, clock, graceMs }: TunnelEnds): void {
    if (this.#winding) return;
    this.#winding = true;
    const cancel = clock.after(graceMs, () => client.destroy());
    client.once('close', cancel);
  }

  // The library tunes the socket it believes to have; the real one is not its business.
  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  destroySoon(): void {
    this.destroy();
  }
}
