import type { Clock } from '../../kernel/clock.ts';
import type { Target } from './target.ts';

export interface ProbeOptions {
  /** Path and query of a GET that a healthy target answers with a status from 200 to 399. */
  readonly path: string;
  readonly everyMs: number;
  /** For the whole of an answer. */
  readonly timeoutMs: number;
}

/**
 * Asks the target for its health now and then every `everyMs`, and notes the answers. A probe that is still waited
 * for is not repeated.
 * @returns what stops it
 */
export function probe(target: Target, options: ProbeOptions, clock: Clock): () => void {
  let waiting = false;
  const ask = (): void => {
    if (waiting) return;
    waiting = true;
    void isHealthy(target, options).then((healthy) => {
      waiting = false;
      target.health.probed(healthy);
    });
  };
  ask();
  return clock.every(options.everyMs, ask);
}

async function isHealthy(target: Target, { path, timeoutMs }: ProbeOptions): Promise<boolean> {
  try {
    const { statusCode, body } = await target.pool.request({
      path,
      method: 'GET',
      // From beginning to end: undici's own times begin anew with each piece of the answer.
      signal: AbortSignal.timeout(timeoutMs),
    });
    await body.dump();
    return statusCode >= 200 && statusCode < 400;
  } catch {
    return false;
  }
}
