import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closeFrame, FrameEnds } from '../../src/gateway/transport/general/websocket-frames.ts';

/** A frame with a body of `length` bytes that could be read as heads of frames, by the book (RFC 6455 §5.2). */
function frame(length: number, { opcode = 0x2, masked = false, shortest = true } = {}): Buffer {
  const mask = masked ? 0x80 : 0;
  let head = Buffer.from([0x80 | opcode, mask | length]);
  if (length > 0xffff || !shortest) {
    head = Buffer.alloc(10);
    head[0] = 0x80 | opcode;
    head[1] = mask | 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  } else if (length > 125) {
    head = Buffer.alloc(4);
    head[0] = 0x80 | opcode;
    head[1] = mask | 126;
    head.writeUInt16BE(length, 2);
  }
  return Buffer.concat([head, Buffer.alloc(masked ? 4 : 0, 0x88), Buffer.alloc(length, 0x88)]);
}

const frames = fc.array(
  fc.record({
    length: fc.oneof(fc.constantFrom(0, 1, 125, 126, 127, 0xffff, 0x10000), fc.nat(300)),
    masked: fc.boolean(),
    shortest: fc.boolean(),
  }),
  { minLength: 1, maxLength: 8 },
);

describe('the ends of frames', () => {
  it('are found wherever the bytes are cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(5000), { maxLength: 40 }), (shapes, cuts) => {
        const parts = shapes.map(({ length, ...shape }) => frame(length, shape));
        const bytes = Buffer.concat(parts);
        const ends: number[] = [];
        let sum = 0;
        for (const part of parts) {
          sum += part.length;
          ends.push(sum);
        }
        const follower = new FrameEnds();
        let at = 0;
        for (const size of [...cuts.map((cut) => cut + 1), bytes.length]) {
          const chunk = bytes.subarray(at, at + size);
          if (chunk.length === 0) break;
          const expected = ends.find((end) => end > at && end <= at + chunk.length);
          expect(follower.follow(chunk)).toBe(expected === undefined ? -1 : expected - at);
          at += chunk.length;
          expect(follower.atEnd).toBe(ends.includes(at));
        }
        expect(follower.closeSeen).toBe(false);
      }),
      { seed: 6455, numRuns: 300 },
    );
  });

  it('are the same when every byte comes alone', () => {
    const bytes = Buffer.concat([frame(0), frame(126), frame(0x10000), frame(3)]);
    const follower = new FrameEnds();
    const ends: number[] = [];
    for (let at = 0; at < bytes.length; at += 1) {
      if (follower.follow(bytes.subarray(at, at + 1)) === 1) ends.push(at + 1);
    }
    expect(ends).toEqual([2, 132, 65_678, 65_683]);
  });

  it('tell when a Close frame has begun to pass, and not before', () => {
    const follower = new FrameEnds();
    follower.follow(frame(500));
    expect(follower.closeSeen).toBe(false);
    follower.follow(frame(2, { opcode: 0x8 }).subarray(0, 1));
    expect(follower.closeSeen).toBe(true);
  });
});

describe('a Close frame of the gateway', () => {
  it('is final, without a mask, and carries the code and the reason', () => {
    expect(closeFrame(1008, 'no').toString('hex')).toBe('880403f06e6f');
  });

  it('stays a control frame however long the reason is', () => {
    const bytes = closeFrame(1001, 'x'.repeat(200));
    expect(bytes[1]).toBe(125);
    expect(bytes).toHaveLength(127);
  });
});
