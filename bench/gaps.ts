/** For how long programs could not go on. */

/** How many, or how long in milliseconds: by the clock, and by the processor time that the thread had meanwhile, as the system says. */
export interface Measures {
  readonly clock: number;
  readonly own: number;
}

export interface Gaps {
  /** How many were longer than `LONG_MS`. */
  readonly long: Measures;
  readonly longest: Measures;
}

/** What is long for an event loop to stand still, in milliseconds. */
export const LONG_MS = 10;

const NOTHING: Measures = { clock: 0, own: 0 };
export const NO_GAPS: Gaps = { long: NOTHING, longest: NOTHING };

export function withGap({ long, longest }: Gaps, gap: Measures): Gaps {
  const isLong = { clock: Number(gap.clock > LONG_MS), own: Number(gap.own > LONG_MS) };
  return { long: both(long, isLong, (a, b) => a + b), longest: both(longest, gap, Math.max) };
}

/** Those of two times that were watched. */
export function allGaps(a: Gaps, b: Gaps): Gaps {
  return { long: both(a.long, b.long, (x, y) => x + y), longest: both(a.longest, b.longest, Math.max) };
}

function both(a: Measures, b: Measures, of: (a: number, b: number) => number): Measures {
  return { clock: of(a.clock, b.clock), own: of(a.own, b.own) };
}
