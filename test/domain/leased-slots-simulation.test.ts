import { describe, expect, it } from 'vitest';
import type { Weather } from './simulated-gateway.ts';
import { runSlotSchedule, type SlotClimate } from './simulated-slot-fleet.ts';

/** How many schedules of each kind: more with TOLLGATE_SCHEDULES, others with TOLLGATE_SEED. */
const SCHEDULES = Number(process.env['TOLLGATE_SCHEDULES'] ?? 6);
const FIRST_SEED = Number(process.env['TOLLGATE_SEED'] ?? 1);
const seeds = Array.from({ length: SCHEDULES }, (_, i) => FIRST_SEED + i);
const TIME_LIMIT_MS = 20_000 + SCHEDULES * 500;

const fair: Weather = { loss: 0, slow: 0, returnsUnanswered: 0 };
const calm: SlotClimate = { weather: fair, mishaps: 0, changes: 0 };
const climates: Readonly<Record<string, SlotClimate>> = {
  'when nothing goes wrong': calm,
  'when questions and answers are lost or late': { ...calm, weather: { ...fair, loss: 0.1, slow: 0.2 } },
  'when gateways start, crash, stand still and set their clocks': { ...calm, mishaps: 3 },
  'when maxima and percentages are changed': { ...calm, changes: 2 },
  'when all of that happens together': {
    weather: { ...fair, loss: 0.05, slow: 0.1 },
    mishaps: 4,
    changes: 2,
  },
};

describe('a fleet of gateways, in any schedule of its life', () => {
  for (const [when, climate] of Object.entries(climates)) {
    it(
      `never has more under way than may be, ${when}`,
      async () => {
        let admitted = 0;
        let refused = 0;
        for (const seed of seeds) {
          const outcome = await runSlotSchedule(seed, climate);
          admitted += outcome.admitted;
          refused += outcome.refused;
        }
        expect(admitted).toBeGreaterThan(0);
        expect(refused).toBeGreaterThan(0);
      },
      TIME_LIMIT_MS,
    );
  }

  it(
    'fills the maximum to the last slot, where demand is over it',
    async () => {
      const fullest: number[] = [];
      for (const seed of seeds) fullest.push((await runSlotSchedule(seed, calm)).fullest);
      expect(Math.max(...fullest)).toBe(1);
    },
    TIME_LIMIT_MS,
  );
});
