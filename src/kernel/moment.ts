import type { Clock } from './clock.ts';

/** A moment on both clocks of this machine. */
export interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

export function momentOf(clock: Clock): Moment {
  return { monotonic: clock.monotonic(), wall: clock.now() };
}

/**
 * Milliseconds since `moment`, by the clock on which more have passed: the monotonic one stands still while a machine
 * is suspended, and the wall clock can be set back.
 */
export function elapsedMs(clock: Clock, { monotonic, wall }: Moment): number {
  return Math.max(clock.monotonic() - monotonic, clock.now() - wall);
}
