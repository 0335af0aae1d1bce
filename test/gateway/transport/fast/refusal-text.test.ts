import { describe, expect, it } from 'vitest';
import { REJECTIONS, type RejectionCode } from '../../../../src/domain/rejection.ts';
import { type Rejection, reject } from '../../../../src/gateway/decision.ts';
import { renderRefusal } from '../../../../src/gateway/refusal.ts';
import type { RefusalForm } from '../../../../src/gateway/refusal-body.ts';
import { linesOf, statusLine } from '../../../../src/gateway/transport/fast/heads.ts';
import { refusalText } from '../../../../src/gateway/transport/fast/refusal-text.ts';
import { MADE_AT } from '../../../support/records.ts';

const CODES = Object.keys(REJECTIONS).filter((code): code is RejectionCode => code in REJECTIONS);
const FORMS: readonly RefusalForm[] = ['okta', 'problem'];
const REQUEST_ID = '0123456789abcdef0123456789abcdef';

const spent = {
  admitted: false,
  scope: 'token',
  limit: 5,
  remaining: 0,
  resetAt: MADE_AT + 12_300,
} as const;
const FACTS: readonly Parameters<typeof reject>[1][] = [
  {},
  { spent, windowSeconds: 60 },
  { spent },
  { crowded: { scope: 'endpoint', limit: 3 }, retryAfterSeconds: 2 },
  { retryAfterSeconds: 7 },
];

/** The whole, twice: the second is made of what the first has left. @param form how it is said */
function told(rejection: Rejection, form: RefusalForm, now: number) {
  const facts = { requestId: REQUEST_ID, form, now };
  const { status, headers, body } = renderRefusal(rejection, facts);
  const expected = { status, head: statusLine(status) + linesOf(headers), body };
  return { expected, texts: [refusalText(rejection, facts), refusalText(rejection, facts)] };
}

const withoutErrorId = <T extends { readonly body: string }>(refusal: T): T => ({
  ...refusal,
  body: refusal.body.replace(/oae[\w-]{22}/, 'oae'),
});

describe.each(FORMS)('a refusal on the fast transport, in the form %s', (form) => {
  it.each(CODES)('reads for %s as on the general one, whatever is told with it', (code) => {
    for (const facts of FACTS) {
      for (const now of [MADE_AT, MADE_AT + 60_000]) {
        const { expected, texts } = told(reject(code, facts), form, now);
        for (const text of texts) expect(withoutErrorId(text)).toEqual(withoutErrorId(expected));
      }
    }
  });
});

it('ten thousand refusals have ten thousand error ids', () => {
  const facts = { requestId: REQUEST_ID, form: 'okta', now: MADE_AT } as const;
  const ids = Array.from({ length: 10_000 }, () => {
    return JSON.parse(refusalText(reject('resolve.unknown'), facts).body).errorId;
  });
  expect(new Set(ids).size).toBe(10_000);
});
