/**
 * A process that does nothing but look at the clock, and tells for how long it could not. It waits for nothing and nobody,
 * so what it misses the machine has taken.
 */
import { spawnSync } from 'node:child_process';
import { answerQuestions } from '../child.ts';
import { type Gaps, NO_GAPS, withGap } from '../gaps.ts';

export type CoreGapsProcess = {
  /** @param plan the core to keep to, and for how long to look */
  watch(plan: { readonly core: number; readonly seconds: number }): Gaps;
};

/** Shorter ones are an interrupt, or the clock itself. */
const GAP_MS = 1;
/** Until V8 has compiled it. */
const WARM_UP_MS = 1_000;
const MICROSECONDS = 1_000;

answerQuestions({
  watch({ core, seconds }) {
    spawnSync('taskset', ['-pc', String(core), String(process.pid)]);
    gapsWithin(WARM_UP_MS);
    return gapsWithin(seconds * 1_000);
  },
} satisfies CoreGapsProcess);

function gapsWithin(ms: number): Gaps {
  let gaps = NO_GAPS;
  let at = performance.now();
  const end = at + ms;
  let since = { at, used: process.threadCpuUsage() };
  while (at < end) {
    const now = performance.now();
    const clock = now - at;
    at = now;
    if (clock < GAP_MS) continue;
    const { user, system } = process.threadCpuUsage(since.used);
    // Before the gap it had all the time there was.
    const taken = now - since.at - (user + system) / MICROSECONDS;
    gaps = withGap(gaps, { clock, own: Math.min(clock, Math.max(0, clock - taken)) });
    at = performance.now();
    since = { at, used: process.threadCpuUsage() };
  }
  return gaps;
}
