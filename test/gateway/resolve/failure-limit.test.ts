import { beforeEach, describe, expect, it } from 'vitest';
import { compileAddressSet } from '../../../src/domain/address-set.ts';
import { FailureLimit } from '../../../src/gateway/resolve/failure-limit.ts';
import { type ManualClock, manualClock } from '../../support/manual-clock.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const MAX = 5;
const PROXY = '10.0.0.1';

const trusted = compileAddressSet(['10.0.0.0/8']);

let clock: ManualClock;
let failures: FailureLimit;
beforeEach(() => {
  clock = manualClock();
  failures = new FailureLimit(clock);
  failures.goBy({ max: MAX, windowSeconds: 60 }, trusted);
});

const from = (peer: string, forwardedFor: string | null = null) => ({ peer, forwardedFor });

/** Fails until refused. @returns how often it could */
function exhaust(whence: ReturnType<typeof from>): number {
  let counted = 0;
  while (failures.failed(whence)) counted += 1;
  return counted;
}

describe('the limit on failed authentications', () => {
  it('counts so many of an address as it says, and none of another', () => {
    expect(exhaust(from('192.0.2.1'))).toBe(MAX);
    expect(failures.beginLookUp(from('192.0.2.1'))).toBeNull();
    expect(failures.beginLookUp(from('192.0.2.2'))).not.toBeNull();
    expect(exhaust(from('192.0.2.2'))).toBe(MAX);
  });

  it('says how long its window still runs, and counts anew after that', () => {
    failures.failed(from('192.0.2.2'));
    clock.advance(20_500);
    exhaust(from('192.0.2.1'));
    expect(failures.retryAfterSeconds(from('192.0.2.1'))).toBe(40);
    clock.advance(39_499);
    expect(failures.failed(from('192.0.2.1'))).toBe(false);
    expect(failures.retryAfterSeconds(from('192.0.2.1'))).toBe(1);
    clock.advance(1);
    expect(exhaust(from('192.0.2.1'))).toBe(MAX);
  });

  it.each([
    ['addresses of one /64', '2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff'],
    ['an IPv4 address and the IPv6 address that it is mapped to', '192.0.2.9', '::ffff:192.0.2.9'],
    ['two peers whose addresses cannot be read', 'a pipe', ''],
  ])('takes %s for one', (_, one, other) => {
    exhaust(from(one));
    expect(failures.failed(from(other))).toBe(false);
  });

  it.each([
    ['neighbouring /64', '2001:db8:1:2::1', '2001:db8:1:3::1'],
    ['an IPv4 address and the IPv6 address of the same words', '0.0.0.1', '0:1::'],
  ])('does not take %s for one', (_, one, other) => {
    exhaust(from(one));
    expect(exhaust(from(other))).toBe(MAX);
  });

  it('believes X-Forwarded-For of trusted proxies only, and of them the nearest that is none', () => {
    exhaust(from(PROXY, '192.0.2.1'));
    expect(exhaust(from(PROXY, '192.0.2.2'))).toBe(MAX);
    for (const made of ['192.0.2.1', '1.1.1.1, 192.0.2.1', '2.2.2.2, 192.0.2.1, 10.9.9.9']) {
      expect(failures.failed(from(PROXY, made)), made).toBe(false);
    }
    exhaust(from('192.0.2.3'));
    expect(failures.failed(from('192.0.2.3', '203.0.113.5'))).toBe(false);
  });

  it('counts a look-up that finds a token as no failure, however many there are', () => {
    for (let times = 0; times < 100 * MAX; times++) {
      const end = failures.beginLookUp(from('192.0.2.1'));
      expect(end).not.toBeNull();
      end?.(false);
    }
    expect(exhaust(from('192.0.2.1'))).toBe(MAX);
  });

  it('lets at most ten times as many look-ups of an address be under way as may fail, and says to come back soon', () => {
    const ends = Array.from({ length: 10 * MAX }, () => failures.beginLookUp(from('192.0.2.1')));
    expect(ends).not.toContain(null);
    expect(failures.beginLookUp(from('192.0.2.1'))).toBeNull();
    expect(failures.retryAfterSeconds(from('192.0.2.1'))).toBe(1);
    expect(failures.beginLookUp(from('192.0.2.2'))).not.toBeNull();
    ends.pop()?.(false);
    expect(failures.beginLookUp(from('192.0.2.1'))).not.toBeNull();
  });

  it('ends a look-up for whom it began, although other proxies are trusted by then', () => {
    const caller = from(PROXY, '192.0.2.1');
    const ends = Array.from({ length: 10 * MAX }, () => failures.beginLookUp(caller));
    failures.goBy({ max: MAX, windowSeconds: 60 }, compileAddressSet([]));
    for (const end of ends) end?.(false);
    failures.goBy({ max: MAX, windowSeconds: 60 }, trusted);
    expect(failures.beginLookUp(caller)).not.toBeNull();
  });

  it('forgets no address, however many others fail in the same window', () => {
    const random = seededRandom(1);
    exhaust(from('192.0.2.1'));
    failures.failed(from('192.0.2.2'));
    for (let other = 0; other < 20_000; other++) {
      failures.failed(from(`2001:db8:${random.whole(0, 0xffff).toString(16)}:${other.toString(16)}::`));
    }
    expect(failures.failed(from('192.0.2.1'))).toBe(false);
    expect(exhaust(from('192.0.2.2'))).toBeLessThan(MAX);
  });

  it('takes hardly any address for another while a thousand have used up what they may', () => {
    for (let other = 0; other < 1_000; other++) exhaust(from(`2001:db8:0:${other.toString(16)}::`));
    let refused = 0;
    for (let caller = 0; caller < 1_000; caller++) {
      if (failures.beginLookUp(from(`192.0.${caller >> 8}.${caller & 255}`)) === null) refused += 1;
    }
    // (1000 / 16384)^4 of them on average: one in seventy thousand.
    expect(refused).toBeLessThanOrEqual(2);
  });

  it('goes by other settings at once, and by none where it is switched off', () => {
    exhaust(from('192.0.2.1'));
    failures.goBy({ max: 2 * MAX, windowSeconds: 60 }, trusted);
    expect(exhaust(from('192.0.2.1'))).toBe(MAX);
    failures.goBy(null, trusted);
    for (let times = 0; times < 100; times++) expect(failures.failed(from('192.0.2.1'))).toBe(true);
    expect(failures.beginLookUp(from('192.0.2.1'))).not.toBeNull();
  });
});
