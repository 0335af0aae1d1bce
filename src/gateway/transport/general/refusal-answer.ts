import { STATUS_CODES } from 'node:http';
import type { RejectionCode } from '../../../domain/rejection.ts';
import { type Rejection, reject } from '../../decision.ts';
import { renderRefusal } from '../../refusal.ts';
import type { ResponseMessage } from './message.ts';
import type { GeneralTransportOptions } from './options.ts';

type RefusalOptions = Pick<GeneralTransportOptions, 'clock' | 'refusalForm'>;

/**
 * Answers a request with a refusal.
 * @param close whether the connection ends with it
 * @returns how many bytes its body has
 */
export function answerRefusal(
  res: ResponseMessage,
  rejection: Rejection,
  requestId: string,
  close: boolean,
  { clock, refusalForm: form }: RefusalOptions,
): number {
  const { status, headers, body } = renderRefusal(rejection, { requestId, form, now: clock.now() });
  if (close) headers.push('Connection', 'close');
  res.writeHead(status, headers);
  res.end(body);
  return res.req.method === 'HEAD' ? 0 : Buffer.byteLength(body);
}

/** The bytes of a refusal that ends the connection, for what never became a request with a response of its own. */
export function refusalBytes(
  code: RejectionCode,
  requestId: string,
  { clock, refusalForm: form }: RefusalOptions,
): string {
  const now = clock.now();
  const { status, headers, body } = renderRefusal(reject(code), { requestId, form, now });
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`;
  for (let at = 0; at + 1 < headers.length; at += 2) head += `${headers[at]}: ${headers[at + 1]}\r\n`;
  return `${head}Date: ${new Date(now).toUTCString()}\r\nConnection: close\r\n\r\n${body}`;
}
