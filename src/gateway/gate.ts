import type { Arrival, Decision } from './decision.ts';

/** resolve → zone → limit. Answers at once when everything needed is in memory. */
export type Gate = (arrival: Arrival) => Decision | Promise<Decision>;
