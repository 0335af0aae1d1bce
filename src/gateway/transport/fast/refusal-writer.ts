import type { RejectionCode } from '../../../domain/rejection.ts';
import { type Arrival, type Permit, type Rejection, reject } from '../../decision.ts';
import type { AnswerWriter } from './answer-writer.ts';
import { dateLine } from './heads.ts';
import type { FastOptions } from './options.ts';
import { refusalText } from './refusal-text.ts';

/** How long a caller should wait before it tries again what no upstream could serve, in seconds. */
const RETRY_SECONDS = 1;

/**
 * The refusal of what the gate let pass, or has not judged.
 * @param permit null for the latter
 * @param reason what the code leaves open
 */
export function rejectionBehindGate(
  code: RejectionCode,
  permit: Permit | null,
  reason: string | null,
): Rejection {
  if (permit === null) return reject(code);
  const { credential, endpoint, spent } = permit;
  // The request has counted, so its caller is told where it stands.
  return reject(code, {
    reason,
    credential,
    endpoint: endpoint.name,
    spent,
    windowSeconds: endpoint.windowSeconds,
    retryAfterSeconds: RETRY_SECONDS,
  });
}

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
