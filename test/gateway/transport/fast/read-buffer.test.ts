import { expect, it } from 'vitest';
import { ReadBuffer } from '../../../../src/gateway/transport/fast/read-buffer.ts';

it('the memory of a connection that is gone serves the next one', () => {
  const gone = new ReadBuffer();
  const memory = gone.bytes;
  gone.giveBack();
  expect(new ReadBuffer().bytes).toBe(memory);
});

it('memory that somebody still writes from serves nobody else', () => {
  const gone = new ReadBuffer();
  const memory = gone.bytes;
  gone.lend();
  gone.giveBack();
  expect(new ReadBuffer().bytes).not.toBe(memory);
});

it('what was lent is let go with the next reading, and what is read into then serves the next connection', () => {
  const gone = new ReadBuffer();
  const lent = gone.bytes;
  gone.lend();
  const memory = gone.next();
  expect(memory).not.toBe(lent);
  gone.giveBack();
  expect(new ReadBuffer().bytes).toBe(memory);
});

it('memory that was given back twice serves one connection', () => {
  const gone = new ReadBuffer();
  gone.giveBack();
  gone.giveBack();
  expect(new ReadBuffer().bytes).not.toBe(new ReadBuffer().bytes);
});

it('no more is kept for connections that will come than a burst of them needs', () => {
  const burst = Array.from({ length: 200 }, () => new ReadBuffer());
  const memories = new Set(burst.map(({ bytes }) => bytes));
  expect(memories.size).toBe(200);
  for (const gone of burst) gone.giveBack();
  const again = Array.from({ length: 200 }, () => new ReadBuffer());
  expect(again.filter(({ bytes }) => memories.has(bytes)).length).toBe(64);
});
