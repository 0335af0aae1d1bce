import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { newRequestId } from '../../src/gateway/listen/request-id.ts';
import { accessLine, type Ended, isSampled } from '../../src/telemetry/access-line.ts';
import { openLog } from '../../src/telemetry/log.ts';

const root = join(import.meta.dirname, '../..');
const documentation = readFileSync(join(root, 'docs/logging.md'), 'utf8');

const forwarded: Ended = {
  requestId: 'f'.repeat(32),
  arrival: {
    method: 'GET',
    path: '/users',
    times: { began: 1, resolved: 1.1234, zoned: 1.125, limited: 1.25, answered: 3 },
  },
  decision: 'forwarded',
  permit: null,
  rejection: null,
  status: 200,
  complete: true,
  upstream: 'api',
  target: 'http://127.0.0.1:9001',
  tries: 1,
  bytesIn: 0,
  bytesOut: 3,
};

describe('docs/logging.md', () => {
  it('lists every field of a line about a request, in their order, and no other', () => {
    const section = documentation.slice(
      documentation.indexOf('## Requests'),
      documentation.indexOf('## Other'),
    );
    const fields = [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, field]) => field);
    expect(fields).toEqual(Object.keys(accessLine(forwarded, 4)));
  });

  it('lists every other line with its level and fields', () => {
    const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(join(root, 'src', name), 'utf8'))
      .join('\n');
    // log.level({ fields }, 'the message')
    const calls = sources.matchAll(/\blog\.(info|warn|error|debug)\(\s*\{([^}]*)\},\s*(['`])([^'`$]*)/g);
    let written = 0;
    for (const [, level, fields = '', , message] of calls) {
      written += 1;
      const row = documentation.split('\n').find((line) => line.startsWith(`| \`${message}`)) ?? '';
      const names = fields.split(',').map((field) => `\`${field.split(':')[0]?.trim()}\``);
      expect(row, `${message} in docs/logging.md`).toContain(`| ${level} | ${names.join(', ')} |`);
    }
    expect(written).toBeGreaterThan(8);
  });
});

describe('a line about a request', () => {
  it('tells the time of each stage in milliseconds, and nothing of those that it did not reach', () => {
    expect(accessLine(forwarded, 4)).toMatchObject({
      resolveMs: 0.123,
      zoneMs: 0.002,
      limitMs: 0.125,
      gateMs: 0.25,
      upstreamMs: 1.75,
      forwardMs: null,
      wholeMs: 3,
    });
    const unread = accessLine({ ...forwarded, arrival: null, decision: 'listen.bad-request' }, 4);
    expect(unread).toMatchObject({ resolveMs: null, wholeMs: null, source: 'client' });
  });

  it('is always written for what went wrong here or at the upstream, broke off, or came from a wrong place', () => {
    const wrong: Partial<Ended>[] = [
      { status: 500 },
      { complete: false },
      { decision: 'forward.reset', status: 502 },
      { decision: 'resolve.store-away', status: 503 },
      { decision: 'zone.outside', status: 403 },
      { decision: 'zone.blocked', status: 403 },
    ];
    for (const end of wrong) expect(isSampled({ ...forwarded, ...end }, 0)).toBe(true);
    for (const decision of ['forwarded', 'resolve.unknown', 'limit.token', 'listen.bad-host'] as const) {
      expect(isSampled({ ...forwarded, decision }, 0)).toBe(false);
      expect(isSampled({ ...forwarded, decision }, 1)).toBe(true);
    }
  });

  it('is written for the part of the others that the configuration says, by their ids', () => {
    const ids = Array.from({ length: 20_000 }, newRequestId);
    const kept = ids.filter((requestId) => isSampled({ ...forwarded, requestId }, 0.1));
    // Six standard deviations of a binomial distribution around 2,000.
    expect(Math.abs(kept.length - 2_000)).toBeLessThan(6 * Math.sqrt(20_000 * 0.1 * 0.9));
    expect(kept.every((requestId) => isSampled({ ...forwarded, requestId }, 0.2))).toBe(true);
  });
});

describe('the log', () => {
  it('drops lines and counts them when the disk is full, and goes on', async () => {
    const fd = openSync('/dev/full', 'w');
    const { log, dropped } = openLog('info', fd);
    const text = 'x'.repeat(1000);
    for (let line = 0; line < 2_000; line++) log.info(text);
    const before = dropped();
    expect(before).toBeGreaterThan(0);
    // Whenever it is looked at later, nothing was written, and there is still no room.
    await expect
      .poll(() => {
        log.info(text);
        return dropped();
      })
      .toBeGreaterThan(before + 2);
    closeSync(fd);
  });
});
