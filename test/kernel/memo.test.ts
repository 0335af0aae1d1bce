import { describe, expect, it } from 'vitest';
import { Memo } from '../../src/kernel/memo.ts';

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
