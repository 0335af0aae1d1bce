import type { Clock } from '../../src/kernel/clock.ts';

interface Timer {
  due: number;
  readonly interval: number | null;
  readonly task: () => void;
}

/** A clock that stands still until told to advance; due timers run in order of their due time. */
export interface ManualClock extends Clock {
  /** Moves time forward by `ms` and runs every timer that falls due on the way, at its own due time. */
  advance(ms: number): void;
}

/** A manual clock that starts at `start` (milliseconds since the epoch). */
export function manualClock(start = Date.UTC(2026, 0, 1)): ManualClock {
  let now = start;
  const timers = new Set<Timer>();
  const schedule = (ms: number, interval: number | null, task: () => void) => {
    const timer: Timer = { due: now + ms, interval, task };
    timers.add(timer);
    return () => {
      timers.delete(timer);
    };
  };
  const nextDue = (end: number): Timer | undefined => {
    let next: Timer | undefined;
    for (const timer of timers) {
      if (timer.due <= end && (next === undefined || timer.due < next.due)) next = timer;
    }
    return next;
  };
  return {
    now: () => now,
    monotonic: () => now - start,
    every: (ms, task) => schedule(ms, ms, task),
    after: (ms, task) => schedule(ms, null, task),
    advance(ms) {
      const end = now + ms;
      for (let timer = nextDue(end); timer !== undefined; timer = nextDue(end)) {
        now = Math.max(now, timer.due);
        if (timer.interval === null) timers.delete(timer);
        else timer.due += timer.interval;
        timer.task();
      }
      now = end;
    },
  };
}
