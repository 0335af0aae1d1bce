import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REJECTIONS, type RejectionCode, rejectionRow } from '../../src/domain/rejection.ts';
import { reject } from '../../src/gateway/decision.ts';
import { renderRefusal } from '../../src/gateway/refusal.ts';
import { publicCode, type RefusalForm } from '../../src/gateway/refusal-body.ts';
import { MADE_AT } from '../support/records.ts';

const CODES = Object.keys(REJECTIONS).filter((code): code is RejectionCode => code in REJECTIONS);
const CREDENTIAL_CODES = CODES.filter((code) => rejectionRow(code).status === 401);
const REQUEST_ID = '0123456789abcdef0123456789abcdef';
const SPENT = {
  admitted: false,
  scope: 'token',
  limit: 5,
  remaining: 0,
  resetAt: MADE_AT + 12_300,
} as const;

function rendered(code: RejectionCode, form: RefusalForm = 'okta', facts: Parameters<typeof reject>[1] = {}) {
  const refusal = renderRefusal(reject(code, facts), { requestId: REQUEST_ID, form, now: MADE_AT });
  const { status, headers, body } = refusal;
  const header = (name: string) => {
    const values = headers.filter((_, at) => at % 2 === 1 && headers[at - 1] === name);
    expect(values.length, `${name} stands once at most`).toBeLessThanOrEqual(1);
    return values[0] ?? null;
  };
  return { status, headers, body, header, json: JSON.parse(body) };
}

describe('every refusal', () => {
  describe.each(CODES)('%s', (code) => {
    it.each<RefusalForm>(['okta', 'problem'])(
      'is an answer of its status in the form %s, with the ids to quote',
      (form) => {
        const { status, header, body } = rendered(code, form);
        expect(status).toBe(rejectionRow(code).status);
        expect(header('Content-Length')).toBe(String(Buffer.byteLength(body)));
        expect(header('Cache-Control')).toBe('no-cache, no-store');
        expect(header('X-Request-Id')).toBe(REQUEST_ID);
        expect(header('X-Okta-Request-Id')).toBe(REQUEST_ID);
        expect(header('WWW-Authenticate')).toBeNull();
      },
    );

    it("is Okta's error object, its keys in Okta's order", () => {
      const { json, header } = rendered(code);
      const { errorCode, summary, cause } = rejectionRow(code);
      expect(header('Content-Type')).toBe('application/json');
      expect(Object.keys(json)).toEqual(['errorCode', 'errorSummary', 'errorLink', 'errorId', 'errorCauses']);
      expect(json).toEqual({
        errorCode,
        errorSummary: summary,
        errorLink: errorCode,
        errorId: expect.stringMatching(/^oae[A-Za-z0-9_-]{22}$/),
        errorCauses: cause === null ? [] : [{ errorSummary: cause }],
      });
    });

    it('is a problem of RFC 9457 when the configuration says so', () => {
      const { json, header } = rendered(code, 'problem');
      const { status, summary, cause, source } = rejectionRow(code);
      expect(header('Content-Type')).toBe('application/problem+json');
      expect(json).toEqual({
        type: `docs/refusals.md#${publicCode(code).replace('.', '')}`,
        title: summary,
        status,
        ...(cause === null ? {} : { detail: cause }),
        code: publicCode(code),
        source,
        requestId: REQUEST_ID,
      });
    });
  });

  it('has an error id of its own', () => {
    expect(rendered('resolve.unknown').json.errorId).not.toBe(rendered('resolve.unknown').json.errorId);
  });
});

describe('the refusals of a credential', () => {
  it('are the five that a stranger must not tell apart, and that of an agent', () => {
    expect(CREDENTIAL_CODES).toEqual([
      'resolve.malformed',
      'resolve.unknown',
      'resolve.revoked',
      'resolve.expired',
      'resolve.owner-inactive',
      'resolve.agent-inactive',
    ]);
  });

  it.each<RefusalForm>(['okta', 'problem'])(
    'are the same in the form %s, to the byte but for ids',
    (form) => {
      const seen = CREDENTIAL_CODES.map((code) => {
        const { status, headers, body } = rendered(code, form);
        return JSON.stringify([status, headers, body.replace(/oae[\w-]{22}/, 'oae')]);
      });
      expect(new Set(seen).size).toBe(1);
    },
  );

  it('say nothing of the reason', () => {
    for (const code of CREDENTIAL_CODES) {
      const said = JSON.stringify([rendered(code), rendered(code, 'problem')]);
      expect(said).not.toMatch(/malformed|unknown|revoked|expired|inactive|owner|agent/i);
    }
  });
});

describe('the refusals of a network', () => {
  it('do not say whether the caller is outside or could not be placed', () => {
    const seen = (['zone.outside', 'zone.undecidable'] as const).map(
      (code) => rendered(code, 'problem').body,
    );
    expect(new Set(seen).size).toBe(1);
  });
});

describe('a refusal by a limit', () => {
  const facts = { spent: SPENT, windowSeconds: 60, retryAfterSeconds: 13 };

  it('tells the budget that refused, when it opens again, and how long to wait', () => {
    const { header } = rendered('limit.token', 'okta', facts);
    expect(header('X-Rate-Limit-Limit')).toBe('5');
    expect(header('X-Rate-Limit-Remaining')).toBe('0');
    expect(header('X-Rate-Limit-Reset')).toBe(String(MADE_AT / 1000 + 13));
    expect(header('RateLimit-Policy')).toBe('"token";q=5;w=60');
    expect(header('RateLimit')).toBe('"token";r=0;t=13');
    expect(header('Retry-After')).toBe('13');
  });

  it('never sends a client back at once', () => {
    const { header } = rendered('limit.token', 'okta', { spent: { ...SPENT, resetAt: MADE_AT } });
    expect(header('Retry-After')).toBe('1');
    expect(rendered('limit.token', 'okta', { spent: SPENT }).header('Retry-After')).toBe('13');
  });

  it('is alone in speaking of limits', () => {
    for (const code of CODES) expect(rendered(code).header('X-Rate-Limit-Limit')).toBeNull();
  });
});

describe('a refusal that passes', () => {
  const passing = CODES.filter((code) => rejectionRow(code).status === 503);

  it.each(passing)('%s says when to come again', (code) => {
    expect(rendered(code, 'okta', { retryAfterSeconds: 7 }).header('Retry-After')).toBe('7');
    expect(Number(rendered(code).header('Retry-After'))).toBeGreaterThanOrEqual(1);
  });

  it('is no other than 429 and 503', () => {
    for (const code of CODES) {
      const waits = [429, 503].includes(rejectionRow(code).status);
      expect(rendered(code).header('Retry-After') !== null, code).toBe(waits);
    }
  });
});

it('a refused method is told those that are allowed', () => {
  expect(rendered('listen.method').header('Allow')).toBe('GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
});

describe('docs/refusals.md', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/refusals.md'), 'utf8');
  const sections = page.split(/^## /m).slice(1);

  it('has one section for every code and every public code, in the order of the table', () => {
    const titles = sections.map((section) => section.slice(0, section.indexOf('\n')));
    const coded = titles.filter((title) => !title.includes(' '));
    const expected = [...CODES];
    expect(coded.filter((title) => title.includes('.'))).toEqual(expected);
    expect(coded.filter((title) => !title.includes('.'))).toEqual(['resolve', 'zone']);
  });

  it.each(CODES)('says of %s its status, its side, what to check and what to do', (code) => {
    const section = sections.find((each) => each.startsWith(`${code}\n`)) ?? '';
    const { status, errorCode, source } = rejectionRow(code);
    expect(section).toContain(`${status} · ${errorCode} · ${source}\n`);
    expect(section).toMatch(/\*\*Check:\*\* .+/);
    expect(section).toMatch(/\*\*Do:\*\* .+/);
  });
});
