import { describe, expect, it } from 'vitest';
import { giveBack } from '../../../../src/gateway/transport/fast/spent-bytes.ts';

/** What one reading of a socket brings at the most. */
const SIZE = 64 * 1024;

describe('bytes from a socket that nobody needs any more', () => {
  it.each([SIZE, SIZE / 2, 20_000])('give the memory of %i back at once', (size) => {
    const bytes = Buffer.allocUnsafeSlow(size);
    const { buffer } = bytes;
    giveBack(bytes);
    expect(buffer.byteLength).toBe(0);
  });

  it('give it back with the head that was read before them', () => {
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
    let atEnd = 0;
    for (let made = 0; made < 100; made += 1) {
      const bytes = Buffer.allocUnsafe(Buffer.poolSize / 4);
      const { buffer, byteOffset, length } = bytes;
      if (byteOffset + length === buffer.byteLength) atEnd += 1;
      giveBack(bytes);
      expect(buffer.byteLength).toBe(Buffer.poolSize);
    }
    expect(atEnd).toBeGreaterThan(0);
  });
});
