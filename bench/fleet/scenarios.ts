/** Who asks for more than there is. */

export interface Scenario {
  readonly name: string;
  readonly tokens: readonly string[];
  /** The share of each token, in percent. */
  readonly percentage: number;
}

export const SCENARIOS: readonly Scenario[] = [
  { name: 'one hot token with 100 %', tokens: ['hot'], percentage: 100 },
  {
    name: '100 tokens with 50 % each',
    tokens: Array.from({ length: 100 }, (_, at) => `t${at}`),
    percentage: 50,
  },
  { name: 'two tokens with 75 % each', tokens: ['a', 'b'], percentage: 75 },
];

/** Requests a window. */
export const MAXIMA = [600, 6_000, 60_000];
