import { describe, expect, it } from 'vitest';
import { agreement, type Counted, everyKind, growth, openAtEnd } from '../../bench/soak/verdict.ts';

const MIB = 2 ** 20;
const samples = (from: number, to: number, count = 40) =>
  Array.from({ length: count }, (_, at) => (from + ((to - from) * at) / (count - 1)) * MIB);

describe('memory', () => {
  it.each([
    { from: 100, to: 100, held: true },
    { from: 100, to: 105, held: true },
    { from: 100, to: 110, held: false },
    { from: 110, to: 100, held: true },
  ])('from $from to $to MiB: held is $held', ({ from, to, held }) => {
    expect(growth('resident', samples(from, to), 'middle').held).toBe(held);
  });

  it('of a heap is judged by its floor, so that garbage that waits is no growth', () => {
    const sawtooth = Array.from(
      { length: 40 },
      (_, at) => (100 + (at % 5) * 20 + (at > 30 ? 60 * (at % 2) : 0)) * MIB,
    );
    expect(growth('heap', sawtooth, 'least').held).toBe(true);
  });

  it('is not judged by few samples, and says so', () => {
    expect(growth('resident', samples(100, 200, 15), 'middle').says).toContain('not judged');
  });
});

it('a file or two may be open at the end beyond those at the start', () => {
  expect([31, 33, 34].map((end) => openAtEnd('files', 31, end).held)).toEqual([true, true, false]);
});

it('a soak in which a kind of traffic never came through is broken', () => {
  const statuses = { 200: 5, 101: 1, 401: 2, 429: 1 };
  const of = (seen: Record<string, number>) => everyKind({ sent: 9, hungUp: 0, cut: 0, statuses: seen }).held;
  expect(of(statuses)).toBe(true);
  expect(of({ ...statuses, 101: 0 })).toBe(false);
});

describe('the counters of clients, gateway and upstream', () => {
  const CODES = { forwarded: 90, 'resolve.unknown': 6, 'limit.token': 3, 'forward.connect': 1 };
  const counted = (changes: {
    readonly codes?: Record<string, number>;
    readonly clients?: Partial<Counted['clients']>;
    readonly retries?: number;
    readonly upstream?: number;
  }): Counted => ({
    clients: {
      ...{ sent: 100, hungUp: 0, cut: 0, statuses: { 200: 88, 101: 2, 401: 6, 429: 3, 502: 1 } },
      ...changes.clients,
    },
    decisions: new Map(Object.entries({ ...CODES, ...changes.codes })),
    retries: changes.retries ?? 0,
    upstream: changes.upstream ?? 90,
  });
  const broken = (facts: Counted) => agreement(facts).filter(({ held }) => !held).length;

  it('agree to the request where nothing went wrong', () => {
    expect(broken(counted({}))).toBe(0);
  });

  it.each([
    ['the gateway decided one that nobody sent', counted({ codes: { forwarded: 91 } })],
    ['the gateway decided one fewer than were sent', counted({ clients: { sent: 101 } })],
    ['the upstream read one that nobody was let pass for', counted({ upstream: 92 })],
    ['the upstream read fewer than were forwarded', counted({ upstream: 89 })],
    ['a client was refused and the gateway says it was not', counted({ codes: { 'resolve.unknown': 5 } })],
  ])('do not agree where %s', (_, facts) => {
    expect(broken(facts)).toBeGreaterThan(0);
  });

  it('agree where a category explains the difference, and no further', () => {
    const hungUp = (count: number) => ({
      sent: 100 + count,
      hungUp: 2,
      statuses: counted({}).clients.statuses,
    });
    expect(broken(counted({ clients: hungUp(2), codes: { forwarded: 92 }, upstream: 92 }))).toBe(0);
    expect(broken(counted({ clients: hungUp(3), codes: { forwarded: 93 }, upstream: 93 }))).toBe(1);
    expect(broken(counted({ upstream: 93, retries: 2 }))).toBe(0);
    expect(broken(counted({ upstream: 94, retries: 2 }))).toBe(1);
  });
});
