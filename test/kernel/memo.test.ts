import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Memo } from '../../src/kernel/memo.ts';
import { garbageCollector } from '../support/collect-garbage.ts';

interface Named {
  readonly id: string;
}

function counted(places: number) {
  const made: string[] = [];
  const memo = new Memo<Named, { of: Named }>(places, (key) => {
    made.push(key.id);
    return { of: key };
  });
  return { made, of: (key: Named) => memo.of(key, key.id) };
}

describe('a memo', () => {
  it('makes something of an object twice, and of one that comes again and again no more', () => {
    const { made, of } = counted(16);
    const key = { id: 'one' };
    const second = [of(key), of(key)][1];
    expect([of(key), of(key), of(key)].every((value) => value === second)).toBe(true);
    expect(made).toEqual(['one', 'one']);
  });

  it('keeps nothing of what comes once', () => {
    const { made, of } = counted(1);
    const [one, other] = [{ id: 'one' }, { id: 'other' }];
    for (const key of [one, other, one, other]) expect(of(key).of).toBe(key);
    expect(made).toEqual(['one', 'other', 'one', 'other']);
  });

  it('holds on to no object that comes once', async () => {
    const { of } = counted(1_024);
    const refs = Array.from({ length: 100 }, (_, at) => {
      const key = { id: `token ${at}` };
      of(key);
      return new WeakRef(key);
    });
    // A WeakRef keeps what it refers to until the turn is over.
    await setImmediate();
    garbageCollector()('major');
    expect(refs.filter((ref) => ref.deref() !== undefined)).toEqual([]);
  });

  it('keeps what was made of one that comes again and again while others pass by its place', () => {
    const { made, of } = counted(1);
    const key = { id: 'one' };
    of(key);
    of(key);
    for (let at = 0; at < 50; at++) {
      of({ id: `other ${at}` });
      of(key);
    }
    expect(made.filter((id) => id === 'one')).toHaveLength(2);
  });

  it('gives an object that has the id of another what was made of itself', () => {
    const { of } = counted(16);
    const before = { id: 'token' };
    const after = { id: 'token' };
    for (const key of [before, before, after, after, before, after]) expect(of(key).of).toBe(key);
  });

  it('gives each of many objects what was made of it, however few places there are', () => {
    const { of } = counted(4);
    const keys = Array.from({ length: 50 }, (_, at) => ({ id: `token ${at}` }));
    for (let round = 0; round < 3; round++) {
      for (const key of keys) {
        expect(of(key).of).toBe(key);
        expect(of(key).of).toBe(key);
        expect(of(key).of).toBe(key);
      }
    }
  });
});
