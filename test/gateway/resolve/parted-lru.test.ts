import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { PartedLru } from '../../../src/gateway/resolve/parted-lru.ts';

const key = () => randomBytes(32).toString('hex');

describe('a cache in parts', () => {
  it('never holds more than it may, whatever comes', () => {
    const cache = new PartedLru<number>(10_000);
    for (let i = 0; i < 50_000; i++) {
      cache.set(key(), i);
      if (i % 1_000 === 0) expect(cache.size).toBeLessThanOrEqual(10_000);
    }
  });

  it('has places for nearly as many as it may hold', () => {
    const cache = new PartedLru<number>(100_000);
    const keys = Array.from({ length: 100_000 }, key);
    for (const each of keys) cache.set(each, 1);
    expect(cache.size).toBeGreaterThan(98_000);
  });

  it('keeps what is used', () => {
    const cache = new PartedLru<number>(10_000);
    cache.set('in use', 1);
    for (let i = 0; i < 100_000; i++) {
      cache.set(key(), i);
      if (i % 100 === 0) expect(cache.get('in use')).toBe(1);
    }
  });

  it('is exact while it is small: the one used longest ago goes', () => {
    const cache = new PartedLru<number>(2);
    cache.set('a', 1);
    cache.set('b', 2);
    cache.get('a');
    cache.set('c', 3);
    expect(['a', 'b', 'c'].map((each) => cache.get(each))).toEqual([1, undefined, 3]);
  });
});
