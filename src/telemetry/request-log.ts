import { type DestinationStream, symbols } from 'pino';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from './log.ts';

/** How long a line may be gathered, in milliseconds, and how many characters are. */
const GATHER_MS = 100;
const GATHER_LENGTH = 32 * 1024;
/** pino's number of the level `info`. */
const INFO = 30;

/**
 * Lines about requests, in a log's own form and place. Where every request is a line, pino and a write for each would cost
 * as much as the request itself: these lines are put together here and written some at a time, within `GATHER_MS`.
 */
export class RequestLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #stream: DestinationStream;
  /** What the log puts into each of its lines, as JSON behind a comma. */
  readonly #bindings: string;
  readonly #stop: () => void;
  #gathered = '';

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
    this.#stream = (log as unknown as Record<symbol, DestinationStream>)[
      symbols.streamSym
    ] as DestinationStream;
    this.#bindings = inside(log.bindings());
    this.#stop = clock.every(GATHER_MS, () => this.flush());
  }

  /** @param fields what JSON can say, with names that are none of pino's */
  add(fields: object): void {
    if (!this.#log.isLevelEnabled('info')) return;
    const time = new Date(this.#clock.now()).toISOString();
    this.#gathered += `{"level":${INFO},"time":"${time}"${this.#bindings}${inside(fields)},"msg":"request"}\n`;
    if (this.#gathered.length >= GATHER_LENGTH) this.flush();
  }

  flush(): void {
    if (this.#gathered === '') return;
    const lines = this.#gathered;
    this.#gathered = '';
    this.#stream.write(lines);
  }

  /** Writes what is gathered, and from then on gathers until `flush` is called. */
  close(): void {
    this.#stop();
    this.flush();
  }
}

/** The members of an object as JSON, behind a comma; empty where there are none. */
function inside(fields: object): string {
  const text = JSON.stringify(fields);
  return text.length === 2 ? '' : `,${text.slice(1, -1)}`;
}
