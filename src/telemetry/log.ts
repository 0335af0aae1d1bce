import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/**
 * The log: one JSON object a line on standard output. Nothing is logged that could hold a secret: lines are made
 * of ids, codes and counts, never of headers or bodies.
 * @param level pino's: `debug`, `info`, `warn`, `error`, `fatal` or `silent`
 */
export function createLog(level: string, destination?: DestinationStream): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  return destination === undefined ? pino(options) : pino(options, destination);
}
