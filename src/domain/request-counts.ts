/** How often tokens are used: kept by the hour, for a day, of those that are used most. */

export const HOUR_MS = 60 * 60 * 1000;

/** Hours that are kept: the one that runs, and those of a day before it. */
export const HOURS_KEPT = 25;

/** How many tokens are kept of an hour: those with the most requests. */
export const TOKENS_KEPT = 1_000;

/** How long a count is remembered after its moment, so that it is not added again; in milliseconds. */
export const COUNT_REMEMBERED_MS = HOUR_MS;

/** What one process counted. */
export interface RequestCounts {
  /** Names this count: told again, it is not added again. */
  readonly id: string;
  /** When it was counted, which says to which hour it belongs: milliseconds since the epoch. */
  readonly at: number;
  readonly tokens: readonly TokenRequests[];
}

export interface TokenRequests {
  readonly tokenId: string;
  readonly requests: number;
}

/** The hour, counted since the epoch, in which a moment lies. @param time milliseconds since the epoch */
export function hourOf(time: number): number {
  return Math.floor(time / HOUR_MS);
}
