import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/** How much may wait for whoever reads the log, in bytes; then lines are dropped and counted. */
const WAITING_MAX = 1024 * 1024;
/** How much is written at once. */
const WRITTEN_MAX = 64 * 1024;
/** How long the last lines may take to be written, in milliseconds. */
const CLOSE_MS = 1_000;

/** A log that no request waits for. */
export interface OpenLog {
  readonly log: Logger;
  /** Lines that were dropped because too much waited. */
  readonly dropped: () => number;
  /** Writes what waits, as far as it is taken, and nothing more after that. Never rejects. */
  close(): Promise<void>;
}

/**
 * The log: one JSON object a line. Nothing is logged that could hold a secret: lines are made of ids, codes and
 * counts, never of headers or bodies.
 * @param level pino's: `debug`, `info`, `warn`, `error`, `fatal` or `silent`
 */
export function createLog(level: string, destination?: DestinationStream): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/**
 * The same on a file descriptor, standard output by default, for a process that serves: lines are written in the
 * background. A reader that stands still and a disk that is full cost lines, never time.
 */
export function openLog(level: string, fd = 1): OpenLog {
  const sink = pino.destination({ dest: fd, sync: false, maxLength: WAITING_MAX, maxWrite: WRITTEN_MAX });
  let dropped = 0;
  sink.on('drop', (lines: string) => {
    dropped += lines.split('\n').length - 1;
  });
  // What could not be written waits, and is dropped when there is no room.
  sink.on('error', () => {});
  let closed = false;
  const write = (line: string) => {
    if (!closed) sink.write(line);
  };
  return {
    log: createLog(level, { write }),
    dropped: () => dropped,
    close: () =>
      new Promise((resolve) => {
        closed = true;
        setTimeout(resolve, CLOSE_MS).unref();
        sink.once('close', resolve);
        sink.end();
      }),
  };
}
