/**
 * Loaded into a gateway before it starts (`--import`): writes its longest turns of the event loop, and V8's collections, to the
 * file that `TURN_TIMES` names, once a second. Begins anew on SIGUSR2, so that the start does not count.
 */
import { writeFileSync } from 'node:fs';
import { constants, PerformanceObserver } from 'node:perf_hooks';

/** The longest so far, in milliseconds. */
export interface TurnTimes {
  /** By how much a timer came late. */
  readonly late: number;
  /** How much of that the thread of the event loop computed itself: it may also have waited for a processor, or for V8's other threads. */
  readonly own: number;
  readonly young: Collections;
  readonly full: Collections;
}

/** V8's collections while the event loop stood still. */
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
const NOTHING: TurnTimes = { late: 0, own: 0, young: NONE, full: NONE };
const file = process.env[TURN_TIMES];
if (file !== undefined) watch(file);

function watch(to: string): void {
  let times = NOTHING;
  process.on('SIGUSR2', () => {
    times = NOTHING;
  });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { duration } = entry;
      const isYoung = kindOf(entry) === constants.NODE_PERFORMANCE_GC_MINOR;
      if (isYoung) times = { ...times, young: withOneOf(times.young, duration) };
      else times = { ...times, full: withOneOf(times.full, duration) };
    }
  }).observe({ entryTypes: ['gc'] });
  let at = performance.now();
  let used = process.threadCpuUsage();
  setInterval(() => {
    const late = performance.now() - at - EVERY_MS;
    // Nothing else can be longer than what is known.
    if (late > times.own) {
      const { user, system } = process.threadCpuUsage(used);
      const own = Math.min(late, (user + system) / MICROSECONDS);
      times = { ...times, late: Math.max(times.late, late), own: Math.max(times.own, own) };
    }
    at = performance.now();
    used = process.threadCpuUsage();
  }, EVERY_MS).unref();
  setInterval(() => writeFileSync(to, JSON.stringify(times)), WRITE_EVERY_MS).unref();
}

/** Which kind of collection it was: entries of others have no `detail`, so the type does not. */
function kindOf(entry: object): unknown {
  const { detail } = entry as { readonly detail?: { readonly kind?: unknown } };
  return detail?.kind;
}

function withOneOf({ count, longest, sum }: Collections, ms: number): Collections {
  return { count: count + 1, longest: Math.max(longest, ms), sum: sum + ms };
}
