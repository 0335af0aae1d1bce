import { describe, expect, it } from 'vitest';
import { Respawn } from '../../../src/cli/workers/respawn.ts';

describe('a worker that died', () => {
  it('is replaced at once, and so are all of them', () => {
    const respawn = new Respawn(4);
    for (let died = 0; died < 4; died += 1) {
      expect(respawn.died(1_000)).toEqual({ afterMs: 0, looping: false });
    }
  });

  it('is replaced later and later while they go on dying, and at the latest after 10 s', () => {
    const respawn = new Respawn(1);
    const waits = Array.from({ length: 10 }, (_, at) => respawn.died(at).afterMs);
    expect(waits).toEqual([0, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000]);
  });

  it('is said to die as fast as it is started from the fourth death of one worker in a minute on', () => {
    const respawn = new Respawn(1);
    expect(Array.from({ length: 5 }, (_, at) => respawn.died(at).looping)).toEqual([
      false,
      false,
      false,
      true,
      true,
    ]);
  });

  it('is replaced at once again when a minute has passed', () => {
    const respawn = new Respawn(1);
    for (let died = 0; died < 5; died += 1) respawn.died(died);
    expect(respawn.died(60_004)).toEqual({ afterMs: 0, looping: false });
  });
});
