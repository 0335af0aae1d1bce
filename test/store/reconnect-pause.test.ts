import { expect, it } from 'vitest';
import { reconnectPauseMs } from '../../src/store/redis/client.ts';

it('a Redis that is away is tried ever more seldom, twice a second in the end, and not by all in step', () => {
  const attempts = [1, 2, 3, 4, 5, 50];
  expect(attempts.map((attempt) => reconnectPauseMs(attempt, 0))).toEqual([50, 100, 200, 400, 500, 500]);
  expect(attempts.map((attempt) => reconnectPauseMs(attempt, 1))).toEqual([37.5, 75, 150, 300, 375, 375]);
});
