import type { Share } from './token.ts';

/**
 * How many requests a window a token may spend of an endpoint's maximum: the floor, but at least 1 unless the
 * percentage is 0. Okta leaves the rounding unpublished (docs/okta.md §5); this is our choice.
 * @param max requests a window, an integer of at least 1
 * @param percentage 0 to 100
 */
export function shareOf(max: number, percentage: number): number {
  if (percentage <= 0) return 0;
  if (percentage >= 100) return max;
  return Math.max(1, Math.floor((max * percentage) / 100));
}

/** The percentage that holds for a token at one endpoint: its override, else its own, else the default. */
export function percentageFor(share: Share | null, endpoint: string, defaultPercentage: number): number {
  if (share === null) return defaultPercentage;
  if (Object.hasOwn(share.byEndpoint, endpoint)) return share.byEndpoint[endpoint] ?? defaultPercentage;
  return share.percentage ?? defaultPercentage;
}
