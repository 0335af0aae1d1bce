/**
 * Loaded into a gateway before it starts (`--import`): writes its longest turns of the event loop, and V8's collections, to the
 * file that `TURN_TIMES` names, once a second. Begins anew on SIGUSR2, so that the start does not count.
 */
import { writeFileSync } from 'node:fs';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { type Gaps, LONG_MS, NO_GAPS, withGap } from '../gaps.ts';

export interface TurnTimes {
  /** For how long they were watched. */
  readonly seconds: number;
  /**
   * By how much a timer came late, and how much of that the thread of the event loop computed itself: it may also have waited for
   * a processor, or for V8's other threads.
   */
  readonly late: Gaps;
  readonly young: Collections;
  readonly full: Collections;
}

/** V8's collections while the event loop stood still: times in milliseconds. */
export interface Collections {
  readonly count: number;
  readonly longest: number;
  readonly sum: number;
}

/** The environment variable that names the file. */
export const TURN_TIMES = 'TURN_TIMES';

const EVERY_MS = 2;
const WRITE_EVERY_MS = 1_000;
const MICROSECONDS = 1_000;

const NONE: Collections = { count: 0, longest: 0, sum: 0 };
const file = process.env[TURN_TIMES];
if (file !== undefined) watch(file);

function watch(to: string): void {
  let since = performance.now();
  let late = NO_GAPS;
  let collections = { young: NONE, full: NONE };
  process.on('SIGUSR2', () => {
    since = performance.now();
    late = NO_GAPS;
    collections = { young: NONE, full: NONE };
  });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const kind = kindOf(entry) === constants.NODE_PERFORMANCE_GC_MINOR ? 'young' : 'full';
      collections = { ...collections, [kind]: withOneOf(collections[kind], entry.duration) };
    }
  }).observe({ entryTypes: ['gc'] });
  let at = since;
  let used = process.threadCpuUsage();
  setInterval(() => {
    const clock = performance.now() - at - EVERY_MS;
    // Nothing else can be longer than what is known.
    if (clock > Math.min(LONG_MS, late.longest.own)) {
      const { user, system } = process.threadCpuUsage(used);
      late = withGap(late, { clock, own: Math.min(clock, (user + system) / MICROSECONDS) });
    }
    at = performance.now();
    used = process.threadCpuUsage();
  }, EVERY_MS).unref();
  setInterval(() => {
    const seconds = (performance.now() - since) / 1_000;
    writeFileSync(to, JSON.stringify({ seconds, late, ...collections } satisfies TurnTimes));
  }, WRITE_EVERY_MS).unref();
}

/** Which kind of collection it was: entries of others have no `detail`, so the type does not. */
function kindOf(entry: object): unknown {
  const { detail } = entry as { readonly detail?: { readonly kind?: unknown } };
  return detail?.kind;
}

function withOneOf({ count, longest, sum }: Collections, ms: number): Collections {
  return { count: count + 1, longest: Math.max(longest, ms), sum: sum + ms };
}
