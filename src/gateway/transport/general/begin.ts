import { type RejectionCode, rejectionRow } from '../../../domain/rejection.ts';
import { reject } from '../../decision.ts';
import { unread } from '../../exchange.ts';
import { type Head, judgeHead, type RawHead } from '../../listen/head.ts';
import { newRequestId } from '../../listen/request-id.ts';
import type { Underway } from './connection.ts';
import { GeneralExchange } from './exchange.ts';
import type { RequestMessage, ResponseMessage } from './message.ts';
import type { GeneralTransportOptions } from './options.ts';
import { answerRefusal } from './refusal-answer.ts';

/** Judges a head, and takes an exception for the bug that it is. @param peer the address of the other end */
export function judged(
  raw: RawHead,
  peer: string,
  { rules, onBug }: GeneralTransportOptions,
): Head | RejectionCode {
  try {
    return judgeHead(raw, peer, rules);
  } catch (bug) {
    // Node would let it end the process.
    onBug(bug, null);
    return 'gateway.bug';
  }
}

/**
 * Begins to answer a request: lets what is good into the pipeline, and refuses what the gate need not see.
 * @param isLast whether the connection takes no further request
 */
export function begin(
  head: Head | RejectionCode,
  req: RequestMessage,
  res: ResponseMessage,
  isLast: () => boolean,
  options: GeneralTransportOptions,
): Underway {
  if (typeof head === 'string') return refuseUnread(res, head, options);
  // A handshake that comes here came behind another answer, or where there are no WebSockets.
  if (head.wantsWebSocket) return refuseUnread(res, 'listen.bad-upgrade', options);
  if (typeof head.body === 'number' && head.body > options.limits.bodySize) {
    return refuseUnread(res, 'listen.body-too-large', options);
  }
  const exchange = new GeneralExchange(head, req, res, isLast, options);
  options.pipeline.enter(exchange);
  return exchange;
}

/** Refuses what the gate need not see, and closes: what comes behind it is not to be trusted. */
function refuseUnread(res: ResponseMessage, code: RejectionCode, options: GeneralTransportOptions): Underway {
  const requestId = newRequestId();
  res.once('close', () => settleUnread(code, requestId, res.writableFinished, options));
  answerRefusal(res, reject(code), requestId, true, options);
  return { giveUp() {}, tick() {} };
}

/** Accounts for what never became a request. @param complete whether its refusal was sent whole */
export function settleUnread(
  code: RejectionCode,
  requestId: string,
  complete: boolean,
  { pipeline }: GeneralTransportOptions,
): void {
  pipeline.settled(unread(requestId, code, complete ? rejectionRow(code).status : 0));
}
