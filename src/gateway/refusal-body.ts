import { randomBytes } from 'node:crypto';
import { type RejectionCode, rejectionRow } from '../domain/rejection.ts';

/** `okta`: Okta's error object. `problem`: RFC 9457's. */
export type RefusalForm = 'okta' | 'problem';

/** Stands for the id until it is known. */
const ID = '{id}';
const ERROR_ID_LENGTH = 22;
/** One call to the system's generator serves so many refusals. */
const DRAWN = 64;

/** Bodies in front of their id and behind it: but for the id, a code always reads the same. */
const known: Record<RefusalForm, Map<RejectionCode, readonly [string, string]>> = {
  okta: new Map(),
  problem: new Map(),
};

/** The media type of a refusal's body. */
export function mediaType(form: RefusalForm): string {
  return form === 'okta' ? 'application/json' : 'application/problem+json';
}

/** What a refusal says in its body: JSON, ASCII only, of one length for all refusals of a code. */
export function refusalBody(code: RejectionCode, form: RefusalForm, requestId: string): string {
  let parts = known[form].get(code);
  if (parts === undefined) {
    const [before = '', behind = ''] = (form === 'okta' ? oktaError(code) : problem(code)).split(ID);
    parts = [before, behind];
    known[form].set(code, parts);
  }
  return parts[0] + (form === 'okta' ? newErrorId() : requestId) + parts[1];
}

/** Okta's error object, its keys in Okta's order (docs/okta.md §6). */
function oktaError(code: RejectionCode): string {
  const { errorCode, summary, cause } = rejectionRow(code);
  return JSON.stringify({
    errorCode,
    errorSummary: summary,
    errorLink: errorCode,
    errorId: ID,
    errorCauses: cause === null ? [] : [{ errorSummary: cause }],
  });
}

function problem(code: RejectionCode): string {
  const { status, source, summary, cause } = rejectionRow(code);
  const shown = publicCode(code);
  return JSON.stringify({
    type: `docs/refusals.md#${shown.replaceAll('.', '')}`,
    title: summary,
    status,
    ...(cause === null ? {} : { detail: cause }),
    code: shown,
    source,
    requestId: ID,
  });
}

/** The code as strangers may see it: of what was wrong with a credential or a network, only the stage's word. */
export function publicCode(code: RejectionCode): string {
  const { errorCode } = rejectionRow(code);
  const secretReason = errorCode === 'E0000011' || errorCode === 'E0000006';
  return secretReason ? code.slice(0, code.indexOf('.')) : code;
}

/** Random characters that nobody has had yet, one id behind the other. */
let drawn = '';
let next = 0;

/** `oae` and 22 random characters that are safe in URLs: the form of Okta's ids. */
function newErrorId(): string {
  if (next === drawn.length) {
    drawn = randomBytes((DRAWN * ERROR_ID_LENGTH * 3) / 4).toString('base64url');
    next = 0;
  }
  const start = next;
  next += ERROR_ID_LENGTH;
  return `oae${drawn.slice(start, next)}`;
}
