/** Whether a soak held its bounds, and what explains each difference between what three sides have counted. */
import { quantile } from '../quantile.ts';
import type { ClientCounts } from './counts.ts';

export interface Bound {
  readonly what: string;
  readonly held: boolean;
  readonly says: string;
}

/** What memory may grow by after the warm-up, in percent. */
const GROWTH_MOST = 5;
/** Fewer samples than these say nothing of growth. */
const SAMPLES_LEAST = 16;
/** Files that may be open at the end beyond those at the start; a scrape has one of its own. */
const FILES_MORE = 2;

/**
 * Growth from the first quarter of the samples to the last: of the medians for what is resident, of the least for the heap, since
 * garbage that waits is no leak.
 * @param samples bytes, in order, without the warm-up
 */
export function growth(what: string, samples: readonly number[], part: 'middle' | 'least'): Bound {
  if (samples.length < SAMPLES_LEAST)
    return { what, held: true, says: `not judged: ${samples.length} samples of ${SAMPLES_LEAST}` };
  const quarter = Math.floor(samples.length / 4);
  const of = (some: readonly number[]) => quantile(some, part === 'middle' ? 0.5 : 0);
  const [first, last] = [of(samples.slice(0, quarter)), of(samples.slice(-quarter))];
  const percent = (last / first - 1) * 100;
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const says = `${mib(first)} → ${mib(last)}, ${percent.toFixed(1)} %; at most ${GROWTH_MOST} %`;
  return { what, held: percent <= GROWTH_MOST, says };
}

/** Open files, or handles, once everybody is gone. */
export function openAtEnd(what: string, start: number, end: number): Bound {
  return { what, held: end <= start + FILES_MORE, says: `${start} → ${end}; at most ${FILES_MORE} more` };
}

/** What a soak must have seen to say anything: answers, WebSockets, and both refusals. */
const KINDS = ['200', '101', '401', '429'];

/** A soak in which a kind of traffic never came through has shown nothing. */
export function everyKind({ statuses }: ClientCounts): Bound {
  const says = KINDS.map((status) => `${statuses[status] ?? 0} × ${status}`).join(', ');
  return { what: 'traffic of every kind', held: KINDS.every((status) => (statuses[status] ?? 0) > 0), says };
}

export interface Counted {
  readonly clients: ClientCounts;
  /** `tollgate_requests_total` by decision. */
  readonly decisions: ReadonlyMap<string, number>;
  /** `tollgate_upstream_retries_total`. */
  readonly retries: number;
  /** Requests whose head the upstream has read. */
  readonly upstream: number;
}

/** Every request has to be found on all sides, save for those that a category explains. */
export function agreement({ clients, decisions, retries, upstream }: Counted): Bound[] {
  const decided = (prefix: string) =>
    [...decisions].reduce((sum, [code, count]) => sum + (code.startsWith(prefix) ? count : 0), 0);
  const answered = (from: number, to: number) =>
    Object.entries(clients.statuses).reduce(
      (sum, [status, count]) => sum + (Number(status) >= from && Number(status) <= to ? count : 0),
      0,
    );
  const unseen = { 'hung up by the client': clients.hungUp, 'cut before the answer’s end': clients.cut };
  const forwarded = decided('forwarded');
  const failed = decided('forward.');
  return [
    within('requests: sent by clients, decided by the gateway', decided(''), clients.sent, {
      'cut before the answer’s end': clients.cut,
    }),
    within(
      'forwarded: by the gateway, answered 2xx or 101 at clients',
      answered(101, 299),
      forwarded,
      unseen,
    ),
    within(
      'refused for the token: by the gateway, 401 at clients',
      answered(401, 401),
      decided('resolve.'),
      unseen,
    ),
    within(
      'refused for the limit: by the gateway, 429 at clients',
      answered(429, 429),
      decided('limit.'),
      unseen,
    ),
    within('failed upstream: by the gateway, 5xx at clients', answered(500, 599), failed, unseen),
    within('forwarded by the gateway, read by the upstream', forwarded, upstream, {
      'failed upstream': failed,
      'further tries': retries,
      'hung up by the client': clients.hungUp,
    }),
  ];
}

/** `more` is `fewer` and nothing else but what the categories can explain. */
function within(
  what: string,
  fewer: number,
  more: number,
  categories: Readonly<Record<string, number>>,
): Bound {
  const difference = more - fewer;
  const most = Object.values(categories).reduce((sum, count) => sum + count, 0);
  const told = Object.entries(categories).map(([name, count]) => `${count} ${name}`);
  const says = `${Math.max(more, fewer)} and ${Math.min(more, fewer)}: ${difference} apart; at most ${most}: ${told.join(', ')}`;
  return { what, held: difference >= 0 && difference <= most, says };
}
