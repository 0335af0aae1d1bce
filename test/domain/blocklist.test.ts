import { describe, expect, it } from 'vitest';
import { readChain } from '../../src/domain/address-chain.ts';
import { compileAddressSet } from '../../src/domain/address-set.ts';
import { compileBlocklist } from '../../src/domain/blocklist.ts';
import { EXEMPT_ZONE_ID, type Zone } from '../../src/domain/zone.ts';
import { aZone } from '../support/records.ts';

const blocklist = (addresses: readonly string[], facts: Partial<Zone> = {}) =>
  aZone(addresses, { usage: 'BLOCKLIST', ...facts });
const exemptList = (addresses: readonly string[], facts: Partial<Zone> = {}) =>
  aZone(addresses, { id: EXEMPT_ZONE_ID, system: true, ...facts });

/** What the zones say of a chain, its caller's end first: the name of a zone, or a word. */
function judged(zones: readonly Zone[], chain: string): string {
  const hops = chain.split(', ');
  const peer = hops.pop() ?? '';
  const forwardedFor = hops.length === 0 ? null : hops.join(', ');
  const verdict = compileBlocklist(zones)?.judge(readChain(peer, forwardedFor, compileAddressSet([])));
  if (verdict == null) return 'passes';
  return typeof verdict === 'string' ? verdict : verdict.name;
}

describe('a blocklist', () => {
  const chain = '1.1.1.1, 2.2.2.2, 3.3.3.3';
  it.each([
    [[], [], 'passes'],
    [['1.1.1.1', '2.2.2.2'], ['1.1.1.1', '2.2.2.2'], 'passes'],
    [['1.1.1.1'], [], 'blocked'],
    [['1.1.1.1', '2.2.2.2'], ['1.1.1.1'], 'blocked'],
    [['3.3.3.3'], [], 'blocked'],
    [['3.3.3.0/24'], ['1.1.1.1', '2.2.2.2'], 'blocked'],
    [['4.4.4.4'], [], 'passes'],
  ])('of %j, with %j exempt, decides as Okta writes it', (addresses, exempt, expected) => {
    expect(judged([blocklist(addresses, { name: 'blocked' }), exemptList(exempt)], chain)).toBe(expected);
  });

  it('is not there, and costs nothing, while no active IP blocklist holds an address', () => {
    const zones = [
      blocklist([]),
      blocklist(['1.1.1.1'], { status: 'INACTIVE' }),
      blocklist(['1.1.1.1'], { type: 'DYNAMIC_V2' }),
      aZone(['1.1.1.1']),
    ];
    expect(compileBlocklist(zones)).toBeNull();
  });

  it('is asked beside all the others, of IPv6 addresses too', () => {
    const zones = [blocklist(['1.1.1.1'], { name: 'one' }), blocklist(['2001:db8::/32'], { name: 'two' })];
    expect(judged(zones, '2001:db8::1, 9.9.9.9')).toBe('two');
    expect(judged(zones, '::ffff:1.1.1.1')).toBe('one');
  });

  it('heeds the exempt list only while that is active', () => {
    const exempt = exemptList(['1.1.1.1'], { status: 'INACTIVE' });
    expect(judged([blocklist(['1.1.1.1'], { name: 'blocked' }), exempt], '1.1.1.1')).toBe('blocked');
  });

  it('cannot decide of a hop that is no address, unless another hop is on it', () => {
    const zones = [blocklist(['1.1.1.1'], { name: 'blocked' })];
    expect(judged(zones, 'rubbish, 2.2.2.2')).toBe('undecidable');
    expect(judged(zones, '1.1.1.1, rubbish, 2.2.2.2')).toBe('blocked');
  });

  it('cannot decide of a chain of more than fifty hops', () => {
    const zones = [blocklist(['1.1.1.1'], { name: 'blocked' })];
    const hops = (count: number) => Array(count).fill('2.2.2.2').join(', ');
    expect(judged(zones, hops(50))).toBe('passes');
    expect(judged(zones, hops(51))).toBe('undecidable');
    expect(judged(zones, `1.1.1.1, ${hops(50)}`)).toBe('undecidable');
  });

  it('of which an entry cannot be read still holds by the others, and says so', () => {
    const zone = blocklist(['1.1.1.300', '1.1.1.1'], { name: 'blocked' });
    expect(judged([zone], '1.1.1.1')).toBe('blocked');
    expect(compileBlocklist([zone])?.troubles).toEqual([expect.stringContaining(zone.id)]);
  });
});
