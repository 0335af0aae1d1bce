import type { Arrival, Rejection } from '../../decision.ts';
import type { AnswerWriter } from './answer-writer.ts';
import { dateLine } from './heads.ts';
import type { FastOptions } from './options.ts';
import { refusalText } from './refusal-text.ts';

/** What became of a refusal. */
export interface WrittenRefusal {
  readonly status: number;
  /** Bytes of its body that were written. */
  readonly length: number;
}

/** Writes a refusal as the whole answer. @param closes whether the connection ends with it */
export function writeRefusal(
  writer: AnswerWriter,
  rejection: Rejection,
  { requestId, method }: Arrival,
  closes: boolean,
  { refusalForm: form, clock, keepAliveLines }: FastOptions,
): WrittenRefusal {
  const now = clock.now();
  const { status, head, body } = refusalText(rejection, { requestId, form, now });
  const connection = closes ? `Connection: close\r\n${dateLine(now)}` : dateLine(now) + keepAliveLines;
  const shown = method === 'HEAD' ? '' : body;
  writer.whole(`${head}${connection}\r\n${shown}`);
  return { status, length: shown.length };
}
