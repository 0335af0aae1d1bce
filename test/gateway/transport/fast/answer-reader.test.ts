import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { AnswerListener } from '../../../../src/gateway/transport/fast/answer-listener.ts';
import { AnswerReader } from '../../../../src/gateway/transport/fast/answer-reader.ts';
import { garbageCollector } from '../../../support/collect-garbage.ts';

/** Has somebody hear an answer who is gone afterwards. @returns what was heard, and who heard it */
function heard(reader: AnswerReader, answer: string): { body: string; by: WeakRef<object> } {
  let body = '';
  const listener: AnswerListener = {
    opened: () => {},
    drained: () => {},
    information: () => {},
    head: () => true,
    data: (bytes, start, end) => {
      body += bytes.toString('latin1', start, end);
    },
    end: () => {},
    readOver: () => true,
    failed: () => {},
    passedOver: () => {},
    cut: () => {},
    onBug: () => {},
  };
  reader.restart(false);
  const bytes = Buffer.from(answer, 'latin1');
  reader.read(bytes, 0, bytes.length, listener);
  return { body, by: new WeakRef(listener) };
}

it.each([
  ['of a length', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'],
  ['in chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'],
])('a connection that rests holds on to nobody who heard its last answer: one %s', async (_, answer) => {
  const reader = new AnswerReader();
  const { body, by } = heard(reader, answer);
  expect([body, reader.state]).toEqual(['ok', 'over']);
  // A WeakRef keeps what it refers to until the turn is over.
  await setImmediate();
  garbageCollector()('major');
  expect(by.deref()).toBeUndefined();
});
