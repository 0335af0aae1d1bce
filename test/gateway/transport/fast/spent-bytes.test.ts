import { describe, expect, it } from 'vitest';
import { giveBack } from '../../../../src/gateway/transport/fast/spent-bytes.ts';

const SIZE = 64 * 1024;

describe('bytes from a socket that nobody needs any more', () => {
  it('give their memory back at once', () => {
    const bytes = Buffer.allocUnsafeSlow(SIZE);
    const { buffer } = bytes;
    giveBack(bytes);
    expect(buffer.byteLength).toBe(0);
  });

  it('give it back with what was read before them', () => {
    const bytes = Buffer.allocUnsafeSlow(SIZE);
    const { buffer } = bytes;
    giveBack(bytes.subarray(300));
    expect(buffer.byteLength).toBe(0);
  });

  it('keep it where something follows them, even a byte', () => {
    const bytes = Buffer.alloc(SIZE, 'x');
    giveBack(bytes.subarray(0, SIZE - 1));
    expect(bytes.toString()).toBe('x'.repeat(SIZE));
  });

  it('keep it where it is of the pool that node shares out, also at its end', () => {
    for (let size = 1; size <= 2 * Buffer.poolSize; size += 13) {
      const before = Buffer.from('before');
      const bytes = Buffer.allocUnsafe(size);
      const pool = bytes.buffer;
      const isShared = pool.byteLength > size;
      giveBack(bytes);
      if (isShared) expect(pool.byteLength).toBeGreaterThan(0);
      expect(before.toString()).toBe('before');
    }
  });
});
