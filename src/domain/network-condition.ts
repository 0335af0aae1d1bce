/** The word that stands for "every active IP zone" in a network condition. `ALL_ZONES` is accepted on input. */
export const ALL_IP_ZONES = 'ALL_IP_ZONES';

/**
 * From where a token may be used: the five modes of the console, in Okta's JSON form (docs/okta.md §2).
 * A list holds zone ids, or `ALL_IP_ZONES` alone.
 */
export type NetworkCondition =
  | { readonly connection: 'ANYWHERE' }
  | { readonly connection: 'ZONE'; readonly include: readonly string[] }
  | { readonly connection: 'ZONE'; readonly exclude: readonly string[] };

export const ANYWHERE: NetworkCondition = Object.freeze({ connection: 'ANYWHERE' });
