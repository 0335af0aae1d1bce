import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { chartOf } from '../../bench/chart.ts';
import { PEERS } from '../../bench/peers/peers.ts';
import { check, QUESTIONS, type Question } from '../../bench/peers/questions.ts';
import { writeConfig } from '../../bench/peers/surroundings.ts';

const named = (name: string) => QUESTIONS.find((question) => question.name === name) as Question;
const answered = { requests: 10, requestsPerSecond: 10, p50Ms: 1, p99Ms: 1, refused: 0, failed: 0 };

test('a peer that refuses what it should pass on, or passes on what it should refuse, has no figure', () => {
  expect(() => check(answered, named('usual'))).not.toThrow();
  expect(() => check({ ...answered, refused: 1 }, named('usual'))).toThrow('1 were not answered');
  expect(() => check({ ...answered, failed: 2 }, named('usual'))).toThrow('2 failed');
  expect(() => check({ ...answered, requests: 0 }, named('usual'))).toThrow('of 0 requests');
  expect(() => check({ ...answered, refused: 10 }, named('unknown'))).not.toThrow();
  expect(() => check({ ...answered, refused: 9 }, named('unknown'))).toThrow('1 were not refused');
});

test('only who judges tokens is asked to refuse', () => {
  const asked = PEERS.filter(named('unknown').fits).map(({ name }) => name);
  expect(asked).toEqual([
    'haproxy',
    'nginx-lua',
    'nginx-lua-redis',
    'tollgate',
    'tollgate-log',
    'tollgate-pipelining',
  ]);
});

test('a peer’s configuration wants every fact that it names', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tollgate-peers-test-'));
  const facts = { folder, port: 1, upstream: '127.0.0.1:2', max: 10 };
  expect(() => writeConfig(folder, 'haproxy.cfg', facts)).toThrow('haproxy.cfg wants share');
  expect(writeConfig(folder, 'haproxy.cfg', { ...facts, share: 5 })).toBe(path.join(folder, 'haproxy.cfg'));
  rmSync(folder, { recursive: true });
});

test('a chart shows every row with its figure', () => {
  const bars = [
    { name: 'haproxy', value: 48.6 },
    { name: 'tollgate', value: 40.2 },
  ];
  const svg = chartOf({ name: 'usual', title: 'GET', unit: 'CPU µs a request', bars });
  for (const text of ['<svg', 'GET', 'CPU µs a request', 'haproxy', '48.6', 'tollgate', '40.2']) {
    expect(svg).toContain(text);
  }
});
