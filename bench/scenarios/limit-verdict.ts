/** What a run against a limit says of it. */
import { type Answers, answered } from './load.ts';

type Seen = Pick<Answers, 'byAsk' | 'rateHeaders'>;

/** One line: what was admitted, beside what the headers said may be. */
export function verdictOf(answers: Seen): string {
  const admitted = answered(answers, 200, 299);
  const refused = answered(answers, 429, 429);
  const { limits, resets } = answers.rateHeaders;
  if (refused === 0)
    return `No limit found: all ${admitted} were admitted. Ask longer, or on more connections.`;
  const windows = resets.length;
  if (windows > 1) return `${admitted} were admitted in ${windows} windows: ask for less than one window.`;
  const most = Math.max(...limits);
  const verdict =
    admitted > most ? 'MORE than the headers allow' : `${((admitted / most) * 100).toFixed(1)} %`;
  return `The limit: ${admitted} were admitted in one window; the headers say ${most}: ${verdict}.`;
}
