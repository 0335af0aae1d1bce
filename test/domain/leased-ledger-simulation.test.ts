import { describe, expect, it } from 'vitest';
import { type Climate, runSchedule } from './simulated-fleet.ts';

/** How many schedules of each kind: more with TOLLGATE_SCHEDULES, others with TOLLGATE_SEED. */
const SCHEDULES = Number(process.env['TOLLGATE_SCHEDULES'] ?? 250);
const FIRST_SEED = Number(process.env['TOLLGATE_SEED'] ?? 1);
const seeds = Array.from({ length: SCHEDULES }, (_, i) => FIRST_SEED + i);
const TIME_LIMIT_MS = 20_000 + SCHEDULES * 100;

const calm: Climate = { weather: { loss: 0, slow: 0 }, mishaps: 0, changes: 0, pressure: 3 };
const climates: Readonly<Record<string, Climate>> = {
  'when nothing goes wrong': calm,
  'when demand is far over the limit': { ...calm, pressure: 20 },
  'when demand is at the limit': { ...calm, pressure: 1 },
  'when questions and answers are lost or late': { ...calm, weather: { loss: 0.1, slow: 0.2 } },
  'when gateways start, crash, stop for a while and set their clocks': { ...calm, mishaps: 5 },
  'when maxima and percentages are changed in the running window': { ...calm, changes: 3 },
  'when all of that happens together': {
    weather: { loss: 0.05, slow: 0.1 },
    mishaps: 8,
    changes: 3,
    pressure: 5,
  },
};

describe('a fleet of gateways, in any schedule of its life', () => {
  for (const [when, climate] of Object.entries(climates)) {
    it(
      `admits no request over a limit, nor in another window than it was leased from, ${when}`,
      async () => {
        let admitted = 0;
        for (const seed of seeds) admitted += (await runSchedule(seed, climate)).admitted;
        expect(admitted).toBeGreaterThan(0);
      },
      TIME_LIMIT_MS,
    );
  }

  it(
    'admits at least 99 % of what a window allows, where demand is over it and nothing crashes',
    async () => {
      for (const seed of seeds) {
        const { windows } = await runSchedule(seed, calm);
        expect(windows.length).toBeGreaterThan(0);
        // The first window may have opened late in its last second.
        for (const { admitted, possible } of windows.slice(1)) {
          expect(admitted, `seed ${seed}: ${admitted} of ${possible}`).toBeGreaterThanOrEqual(
            possible * 0.99,
          );
        }
      }
    },
    TIME_LIMIT_MS,
  );
});
