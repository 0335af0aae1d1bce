import { describe, expect, it } from 'vitest';
import { type Climate, runSchedule } from './simulated-fleet.ts';
import type { Weather } from './simulated-gateway.ts';

/** How many schedules of each kind: more with TOLLGATE_SCHEDULES, others with TOLLGATE_SEED. */
const SCHEDULES = Number(process.env['TOLLGATE_SCHEDULES'] ?? 112);
const FIRST_SEED = Number(process.env['TOLLGATE_SEED'] ?? 1);
const seeds = Array.from({ length: SCHEDULES }, (_, i) => FIRST_SEED + i);
const TIME_LIMIT_MS = 20_000 + SCHEDULES * 100;

const fair: Weather = { loss: 0, slow: 0, returnsUnanswered: 0 };
const calm: Climate = { weather: fair, mishaps: 0, changes: 0, pressure: 3, bursts: false };
const busy: Climate = { ...calm, pressure: 8, bursts: true };
const climates: Readonly<Record<string, Climate>> = {
  'when nothing goes wrong': calm,
  'when demand is at the limit': { ...calm, pressure: 1 },
  'when gateways are busy and idle by turns': busy,
  'when nobody knows whether what was given back arrived': {
    ...busy,
    weather: { ...fair, returnsUnanswered: 1 },
  },
  'when questions and answers are lost or late': { ...busy, weather: { ...fair, loss: 0.1, slow: 0.2 } },
  'when gateways start, crash, stop for a while and set their clocks': { ...busy, mishaps: 5 },
  'when maxima and percentages are changed in the running window': { ...busy, changes: 3 },
  'when all of that happens together': {
    weather: { loss: 0.03, slow: 0.1, returnsUnanswered: 0.3 },
    mishaps: 8,
    changes: 3,
    pressure: 8,
    bursts: true,
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
        const { windows } = await runSchedule(seed, { ...calm, pressure: 20 });
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
