import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { checkFairness } from '../../bench/fairness.ts';
import { listenOnLoopback } from '../../bench/listen.ts';
import { checkCounts, type Turn } from '../../bench/measure.ts';
import { rowsNamed, wholeNumber } from '../../bench/options.ts';
import { makeReport, median } from '../../bench/report.ts';
import { ANSWER } from '../../bench/request.ts';
import { inOrder, type Measured, run, SMOKE } from '../../bench/run.ts';
import { formatReport } from '../../bench/table.ts';
import { VARIANTS } from '../../bench/variants.ts';

const root = path.resolve(import.meta.dirname, '../..');

describe('every row of the benchmark', () => {
  let measured: readonly Measured[] = [];
  beforeAll(async () => {
    measured = await run({ variants: VARIANTS, ...SMOKE }, () => {});
  }, 120_000);

  for (const { name, does } of VARIANTS) {
    it(`${name} starts, answers as the upstream does, and answers every request (${does})`, () => {
      const row = measured.find((each) => each.variant.name === name);
      expect(row?.skipped).toBe(null);
      const [turn, ...others] = row?.rounds.flat() ?? [];
      expect(others).toEqual([]);
      expect(turn?.requests).toBe(SMOKE.turn.requests);
      expect(turn?.cpuMicroseconds).toBeGreaterThan(0);
      expect(turn?.p99Ms).toBeGreaterThanOrEqual(turn?.p50Ms ?? Number.NaN);
    });
  }

  it('has a name of its own, and adds to a row that stands above it', () => {
    const names = VARIANTS.map((variant) => variant.name);
    expect(new Set(names).size).toBe(names.length);
    for (const [at, { addsTo }] of VARIANTS.entries()) {
      if (addsTo !== null) expect(names.slice(0, at)).toContain(addsTo);
    }
  });
});

describe('what fails is not fast: the benchmark refuses', () => {
  const closers: (() => void)[] = [];
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });
  const serve = (listener: RequestListener) => {
    const server = createServer(listener);
    closers.push(() => server.close().closeAllConnections());
    return listenOnLoopback(server);
  };
  const echo: (status: (url: string) => number, body: (url: string) => string) => RequestListener =
    (status, body) =>
    ({ url = '' }, response) => {
      response.writeHead(status(url), { 'content-type': 'application/json' }).end(body(url));
    };
  const statusAsked = (url: string) => Number(/status=(\d+)/.exec(url)?.[1] ?? 200);
  const wholeUrl = (url: string) => url;

  const cheats: [what: string, listener: RequestListener][] = [
    ['answers everything with the constant', echo(statusAsked, () => ANSWER)],
    ['answers everything with 200', echo(() => 200, wholeUrl)],
    ['loses the query', echo(statusAsked, (url) => url.split('?')[0] ?? '')],
    [
      'changes the content type',
      ({ url = '' }, response) => void response.writeHead(statusAsked(url)).end(url),
    ],
  ];
  for (const [what, listener] of cheats) {
    it(`a variant that ${what}`, async () => {
      const upstream = await serve(echo(statusAsked, wholeUrl));
      await expect(checkFairness(upstream, upstream, 'a secret')).resolves.toBe(undefined);
      await expect(checkFairness(await serve(listener), upstream, 'a secret')).rejects.toThrow(
        'was answered',
      );
    });
  }

  const seconds = { seconds: 1 };
  const requests = { requests: 100 };
  it.each([
    { why: 'one request failed', succeeded: 99, failed: 1, served: 100, asked: seconds },
    { why: 'none succeeded', succeeded: 0, failed: 0, served: 0, asked: seconds },
    { why: 'a response is missing', succeeded: 99, failed: 0, served: 100, asked: requests },
    { why: 'the upstream was not asked each time', succeeded: 100, failed: 0, served: 99, asked: seconds },
    { why: 'the upstream was asked twice', succeeded: 100, failed: 0, served: 101, asked: requests },
    { why: 'more was under way than can be', succeeded: 100, failed: 0, served: 109, asked: seconds },
  ])('a measurement in which $why', ({ succeeded, failed, served, asked }) => {
    expect(() => checkCounts({ succeeded, failed }, served, 4, asked)).toThrow();
  });

  it('nothing where all counts agree, but for what was under way at the end', () => {
    expect(() => checkCounts({ succeeded: 100, failed: 0 }, 100, 4, requests)).not.toThrow();
    expect(() => checkCounts({ succeeded: 100, failed: 0 }, 108, 4, seconds)).not.toThrow();
    expect(() => checkCounts({ succeeded: 100, failed: 0 }, null, 4, requests)).not.toThrow();
  });
});

describe('the figures', () => {
  const turn = (cpuMicroseconds: number): Turn => ({
    requests: 1000,
    requestsPerSecond: 1000,
    p50Ms: 1,
    p99Ms: 2,
    cpuMicroseconds,
  });
  const row = (
    name: string,
    addsTo: string | null,
    cpu: readonly number[][],
    skipped: string | null = null,
  ) => ({
    variant: { ...VARIANTS[0], name, does: name, addsTo } as Measured['variant'],
    rounds: cpu.map((round) => round.map(turn)),
    skipped,
  });
  const report = makeReport(
    [
      row('base', null, [[100, 100, 400], [200], [300]]),
      row('stage', 'base', [[101, 103, 303], [203], [310]]),
      row('away', 'base', [], 'no server'),
    ],
    { variants: [], ...SMOKE },
    'a machine',
  );

  it.each([
    { values: [3, 1, 2], middle: 2 },
    { values: [4, 1, 2, 3], middle: 2.5 },
    { values: [7], middle: 7 },
    { values: [], middle: Number.NaN },
  ])('take $middle as the median of $values', ({ values, middle }) => {
    expect(median(values)).toBe(middle);
  });

  it('come in alternating order', () => {
    expect([1, 2, 3].map((time) => inOrder(['a', 'b', 'c'], time).join(''))).toEqual(['abc', 'cba', 'abc']);
  });

  it("are the medians over the rounds of each round's median", () => {
    expect(report.rows.map((each) => each.rounds.map((round) => round.cpuMicroseconds))).toEqual([
      [100, 200, 300],
      [103, 203, 310],
      [],
    ]);
    expect(report.rows.map((each) => each.median?.cpuMicroseconds)).toEqual([200, 203, undefined]);
  });

  it('price a stage by the median of the differences turn by turn, which a busy machine touches least', () => {
    const price = { median: 3, least: 1, greatest: 10 };
    expect(report.rows.map((each) => each.price)).toEqual([null, price, null]);
  });

  it('are shown with every raw value, and a row without any says why', () => {
    const text = formatReport(report);
    for (const raw of ['100.0', '200.0', '300.0', '103.0', '203.0', '310.0', '+3.0 (+1.0 to +10.0)'])
      expect(text).toContain(raw);
    expect(text).toContain('not measured: no server');
    expect(text).toContain('a machine');
  });
});

describe('npm run bench', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tollgate-bench-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const bench = (...words: string[]) =>
    spawnSync(process.execPath, [path.join(root, 'bench/stages.ts'), ...words, '--results', folder], {
      encoding: 'utf8',
    });

  it('prints the table with machine, Node and commit, and writes the same as JSON', () => {
    const { status, stdout, stderr } = bench('--smoke', '--only', 'node-http');
    expect(stderr).toBe('round 1 of 1 is over\n');
    expect(status).toBe(0);
    const [file = ''] = readdirSync(folder);
    const report = JSON.parse(readFileSync(path.join(folder, file), 'utf8'));
    expect(report.rows.map((row: { name: string }) => row.name)).toEqual(['node-http']);
    expect(report.machine).toMatch(new RegExp(`cores.*Node ${process.version}; commit \\w+`));
    expect(stdout).toContain(formatReport(report));
  });

  it('ends with the names of the rows when it is asked for one that is not there', () => {
    const { status, stderr } = bench('--only', 'node-http,nginx');
    expect(status).toBe(1);
    expect(stderr).toContain(`There is no row called nginx. There are: node-http, `);
  });

  it('takes rows by name and keeps the order of the table', () => {
    expect(rowsNamed('undici,node-http').map((variant) => variant.name)).toEqual(['node-http', 'undici']);
  });

  it.each(['0', '-1', '1.5', '1e1', '51', 'many', ''])('takes no %j for a number up to 50', (text) => {
    expect(() => wholeNumber(50)(text)).toThrow('A whole number from 1 to 50 is needed');
  });

  it.each(['1', '50'])('takes %j for a number up to 50', (text) => {
    expect(wholeNumber(50)(text)).toBe(Number(text));
  });
});
