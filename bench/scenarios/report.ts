/** What a load-tester reads of a run. */
import { table } from '../table.ts';
import { type Answers, answered } from './load.ts';

const HEAD = ['request', '2xx', '401', '403', '429', '5xx', 'other'];

/** Markdown: answers by request and status, the rate headers, and the latencies. Never a token. */
export function reportOf(answers: Answers): string {
  const rows = [...answers.byAsk].map(([name, statuses]) => [
    name,
    ...cells({ byAsk: new Map([['', statuses]]) }),
  ]);
  if (rows.length !== 1) rows.push(['all', ...cells(answers)]);
  return [table(HEAD, rows), '', ...headerLines(answers), latencyLine(answers)].join('\n');
}

function cells(answers: Pick<Answers, 'byAsk'>): string[] {
  const counts = [
    answered(answers, 200, 299),
    answered(answers, 401, 401),
    answered(answers, 403, 403),
    answered(answers, 429, 429),
    answered(answers, 500, 599),
  ];
  const known = counts.reduce((sum, count) => sum + count, 0);
  return [...counts, answered(answers) - known].map(String);
}

function headerLines({ rateHeaders }: Answers): string[] {
  const { answers, limits, leastRemaining, resets, longestRetryAfter } = rateHeaders;
  if (answers === 0) return ['No answer carried rate headers.'];
  const sorted = (values: readonly number[]) => values.toSorted((a, b) => a - b).join(', ');
  return [
    `Rate headers: on ${answers} answers; X-Rate-Limit-Limit ${sorted(limits)}; least Remaining ${leastRemaining}; ` +
      `${resets.length} windows; longest Retry-After ${longestRetryAfter === null ? 'none' : `${longestRetryAfter} s`}.`,
  ];
}

function latencyLine(answers: Answers): string {
  const { p50Ms, p90Ms, p99Ms, longestMs, seconds, failed } = answers;
  const all = answered(answers);
  const times = `p50 ${p50Ms.toFixed(2)}, p90 ${p90Ms.toFixed(2)}, p99 ${p99Ms.toFixed(2)}, longest ${longestMs.toFixed(2)} ms`;
  return `${all} answers in ${seconds.toFixed(1)} s, ${(all / seconds).toFixed(0)} a second; ${failed} failed. Latency: ${times}.`;
}
