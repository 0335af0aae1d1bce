import { type RejectionCode, rejectionRow } from '../../../domain/rejection.ts';
import type { Rejection } from '../../decision.ts';
import { crowdedHeaders, rateLines } from '../../limit/rate-headers.ts';
import { ALLOWED_METHODS } from '../../listen/head.ts';
import { type RefusalFacts, retryAfter } from '../../refusal.ts';
import { mediaType, type RefusalForm, refusalBody } from '../../refusal-body.ts';
import { linesOf, statusLine } from './heads.ts';

/** A refusal as it is written: what `renderRefusal` says of it, to the letter. */
export interface RefusalText {
  readonly status: number;
  /** Status line and headers with their CRLF; what concerns the connection, `Date` and the empty line are to follow. */
  readonly head: string;
  readonly body: string;
}

/** Heads up to the request's id: a code's never change. */
const beginnings: Record<RefusalForm, Map<RejectionCode, string>> = { okta: new Map(), problem: new Map() };

/** Renders a refusal without taking apart what is the same each time: floods are refused here. */
export function refusalText(rejection: Rejection, { requestId, form, now }: RefusalFacts): RefusalText {
  const { code, spent, windowSeconds } = rejection;
  const { status } = rejectionRow(code);
  const body = refusalBody(code, form, requestId);
  let head = `${beginning(code, form, body.length)}${requestId}\r\nX-Okta-Request-Id: ${requestId}\r\n`;
  if (spent !== null) head += rateLines(spent, windowSeconds, now);
  else if (rejection.crowded !== null) {
    head += linesOf(crowdedHeaders(rejection.crowded, retryAfter(rejection, now), now));
  }
  if (status === 429 || status === 503) head += `Retry-After: ${retryAfter(rejection, now)}\r\n`;
  if (status === 405) head += `Allow: ${ALLOWED_METHODS}\r\n`;
  return { status, head, body };
}

function beginning(code: RejectionCode, form: RefusalForm, length: number): string {
  const known = beginnings[form].get(code);
  if (known !== undefined) return known;
  const lines = linesOf([
    'Content-Type',
    mediaType(form),
    'Content-Length',
    String(length),
    'Cache-Control',
    'no-cache, no-store',
  ]);
  const made = `${statusLine(rejectionRow(code).status)}${lines}X-Request-Id: `;
  beginnings[form].set(code, made);
  return made;
}
