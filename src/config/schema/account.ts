import { duration, integer, section } from '../setting.ts';

export const account = section({
  flushEvery: duration('10ms', '1m')
    .prefault('1s')
    .describe('How often last use is written to the store, in one batch.'),
  touchEvery: duration('0s', '1h')
    .prefault('60s')
    .describe('How often last use of one token is written at the most.'),
  queueSize: integer(1, 10_000_000)
    .prefault(100_000)
    .describe('Tokens whose last use may wait while the store is away; more are dropped and counted.'),
});
