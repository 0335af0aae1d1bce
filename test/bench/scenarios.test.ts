import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listenOnLoopback } from '../../bench/listen.ts';
import { verdictOf } from '../../bench/scenarios/limit-verdict.ts';
import type { Answers } from '../../bench/scenarios/load.ts';
import { PLAIN_MIX, readMix } from '../../bench/scenarios/mix.ts';
import { mixed, scenario, tokensOf } from '../../bench/scenarios/options.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'tollgate-scenarios-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, content: string) => {
  const written = path.join(folder, name);
  writeFileSync(written, content);
  return written;
};

describe('a mix', () => {
  it('comes by weight, spread evenly, with the tokens in turn', () => {
    const mix = readMix(
      'requests: [{ path: /a, weight: 2 }, { path: /b, method: POST, body: x }]',
      'mix.yaml',
    );
    const asks = mixed(mix, ['one', 'two', 'three', 'four']);
    expect(asks.map(({ name }) => name)).toEqual([
      'GET /a',
      'POST /b',
      'GET /a',
      'GET /a',
      'POST /b',
      'GET /a',
    ]);
    expect(asks.map(({ headers }) => headers['authorization'])).toEqual(
      ['one', 'two', 'three', 'four', 'one', 'two'].map((token) => `SSWS ${token}`),
    );
  });

  it.each([
    'requests: []',
    'requests: [{ path: a }]',
    'requests: [{ path: /, weight: 0 }]',
    'paths: [/]',
    '',
  ])('that reads %j is refused, and the file is named', (wrong) => {
    expect(() => readMix(wrong, 'mix.yaml')).toThrow('mix.yaml:');
  });
});

describe('a token', () => {
  it('comes from the environment, or from the lines of a file', () => {
    expect(tokensOf({}, { TOLLGATE_TOKEN: 'a' })).toEqual(['a']);
    expect(tokensOf({ token: 'OTHER' }, { TOLLGATE_TOKEN: 'a', OTHER: 'b' })).toEqual(['b']);
    expect(tokensOf({ tokenFile: file('tokens', '# mine\none\n\n two \n') }, {})).toEqual(['one', 'two']);
  });

  it('that is missing is asked for by the name of its variable or file', () => {
    expect(() => tokensOf({}, {})).toThrow('TOLLGATE_TOKEN is not set');
    expect(() => tokensOf({ tokenFile: file('none', '\n') }, {})).toThrow('holds no token');
  });

  it.each(['tg_abc', '00abcdef', 'lower', ''])('is not taken from the command line: %j', (word) => {
    const command = scenario('steady', '')
      .exitOverride()
      .configureOutput({ writeErr: () => {} });
    const words = ['node', 'steady', '--url', 'http://127.0.0.1:1', '--token', word];
    expect(() => command.parse(words)).toThrow('name of an environment variable');
  });
});

describe('the limit that was found', () => {
  const seen = (statuses: [number, number][], limits: number[], resets: number[]): Answers => ({
    byAsk: new Map([['GET /', new Map(statuses)]]),
    failed: 0,
    seconds: 1,
    rateHeaders: { answers: 1, limits, leastRemaining: 0, resets, longestRetryAfter: null },
    ...{ p50Ms: 1, p90Ms: 1, p99Ms: 1, longestMs: 1 },
  });

  it('is what was admitted beside what the headers promise', () => {
    expect(
      verdictOf(
        seen(
          [
            [200, 50],
            [429, 9],
          ],
          [50],
          [7],
        ),
      ),
    ).toContain('50 were admitted in one window; the headers say 50: 100.0 %');
    expect(
      verdictOf(
        seen(
          [
            [200, 51],
            [429, 9],
          ],
          [50],
          [7],
        ),
      ),
    ).toContain('MORE than the headers allow');
  });

  it('is none where nobody was refused, or more than one window was open', () => {
    expect(verdictOf(seen([[200, 50]], [50], [7]))).toContain('No limit found');
    expect(
      verdictOf(
        seen(
          [
            [200, 90],
            [429, 9],
          ],
          [50],
          [7, 8],
        ),
      ),
    ).toContain('2 windows');
  });
});

describe('node bench/scenarios/steady.ts', () => {
  const SECRET = 'tg_secret_of_the_test';
  const asked: { readonly token: string | undefined; readonly method: string | undefined }[] = [];
  const server = createServer((request, response) => {
    asked.push({ token: request.headers.authorization, method: request.method });
    const status = asked.length > 5 ? 429 : 200;
    response
      .writeHead(status, { 'X-Rate-Limit-Limit': '5', 'X-Rate-Limit-Reset': '60', 'Retry-After': '3' })
      .end();
  });
  let origin = '';
  beforeAll(async () => {
    origin = await listenOnLoopback(server);
  });
  afterAll(() => server.close().closeAllConnections());

  it('prints what was answered by status, and the rate headers, and never the token', async () => {
    const steady = path.join(import.meta.dirname, '../../bench/scenarios/steady.ts');
    const mix = file('mix.yaml', 'requests: [{ path: /a, method: PUT, name: change }]');
    const words = ['--url', origin, '--mix', mix, '--rate', '8', '--seconds', '1', '--connections', '2'];
    const child = spawn(process.execPath, [steady, ...words], {
      env: { ...process.env, TOLLGATE_TOKEN: SECRET },
    });
    const [out, complaint] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect(complaint).toBe('');
    expect(asked[0]).toEqual({ token: `SSWS ${SECRET}`, method: 'PUT' });
    expect(out).toMatch(/\| change +\| +5 \| +0 \| +0 \| +[1-9]\d* \| +0 \| +0 \|/);
    expect(out).toMatch(/X-Rate-Limit-Limit 5;.*1 windows; longest Retry-After 3 s/);
    expect(out).not.toContain(SECRET);
  });
});

it('without a mix, a scenario asks for the root', () => {
  expect(mixed(PLAIN_MIX, ['one']).map(({ name }) => name)).toEqual(['GET /']);
});
