import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readChain } from '../../src/domain/address-chain.ts';
import { compileAddressSet } from '../../src/domain/address-set.ts';
import { ALL_IP_ZONES, ANYWHERE, type NetworkCondition } from '../../src/domain/network-condition.ts';
import {
  compileNetwork,
  type NetworkVerdict,
  parseNetworkCondition,
} from '../../src/domain/network-match.ts';
import type { Zone } from '../../src/domain/zone.ts';
import { compileZone, type Location, type ZoneMatcher } from '../../src/domain/zone-match.ts';
import { zoneOf } from './zones.ts';

const NOBODY = compileAddressSet([]);
const chainOf = (peer: string, forwardedFor: string | null = null) => readChain(peer, forwardedFor, NOBODY);
const mapOf = (...matchers: readonly ZoneMatcher[]) =>
  new Map(matchers.map((matcher) => [matcher.id, matcher]));
const compiled = (...zones: readonly Zone[]) => mapOf(...zones.map(compileZone));

const OFFICE = zoneOf({ id: 'nzoOffice', gateways: ['192.0.2.0/24'], proxies: ['10.0.0.0/8'] });
const PLANT = zoneOf({ id: 'nzoPlant', gateways: ['198.51.100.0/24', '2001:db8::/32'], proxies: [] });
const ZONES = compiled(OFFICE, PLANT);

const IN_OFFICE = '192.0.2.1';
const IN_PLANT = '198.51.100.1';
const ELSEWHERE = '203.0.113.1';

const inAny: NetworkCondition = { connection: 'ZONE', include: [ALL_IP_ZONES] };
const inOffice: NetworkCondition = { connection: 'ZONE', include: ['nzoOffice'] };
const inEither: NetworkCondition = { connection: 'ZONE', include: ['nzoOffice', 'nzoPlant'] };
const notInAny: NetworkCondition = { connection: 'ZONE', exclude: [ALL_IP_ZONES] };
const notInOffice: NetworkCondition = { connection: 'ZONE', exclude: ['nzoOffice'] };
const notInEither: NetworkCondition = { connection: 'ZONE', exclude: ['nzoOffice', 'nzoPlant'] };

describe('the five modes', () => {
  test.each<[string, NetworkCondition, string, NetworkVerdict]>([
    ['any address', ANYWHERE, ELSEWHERE, 'allowed'],
    ['any address, even an unreadable one', ANYWHERE, 'rubbish', 'allowed'],
    ['in any zone: in the first', inAny, IN_OFFICE, 'allowed'],
    ['in any zone: in the second', inAny, IN_PLANT, 'allowed'],
    ['in any zone: in none', inAny, ELSEWHERE, 'outside'],
    ['in a listed zone: in it', inOffice, IN_OFFICE, 'allowed'],
    ['in a listed zone: in one not listed', inOffice, IN_PLANT, 'outside'],
    ['in one of two listed zones: in the second', inEither, IN_PLANT, 'allowed'],
    ['in one of two listed zones: in none', inEither, ELSEWHERE, 'outside'],
    ['in a listed zone: an unreadable address', inOffice, 'rubbish', 'outside'],
    ['in no zone: in one', notInAny, IN_PLANT, 'outside'],
    ['in no zone: in none', notInAny, ELSEWHERE, 'allowed'],
    ['not in a listed zone: in it', notInOffice, IN_OFFICE, 'outside'],
    ['not in a listed zone: in one not listed', notInOffice, IN_PLANT, 'allowed'],
    ['not in either of two listed zones: in the second', notInEither, IN_PLANT, 'outside'],
    ['not in either of two listed zones: in none', notInEither, ELSEWHERE, 'allowed'],
  ])('%s', (_, condition, peer, verdict) => {
    expect(compileNetwork(condition, ZONES)(chainOf(peer))).toBe(verdict);
  });
});

describe('an exclusion that cannot be decided denies', () => {
  test.each([
    ['an unreadable peer', 'rubbish', null],
    ['an unreadable hop behind a proxy of the zone', '10.0.0.1', 'rubbish'],
    ['an empty hop behind a proxy of the zone', '10.0.0.1', ''],
    [
      'a sixth hop behind five proxies of the zone',
      '10.0.0.1',
      `${ELSEWHERE}, 10.0.0.5, 10.0.0.4, 10.0.0.3, 10.0.0.2`,
    ],
  ])('for %s', (_, peer, forwardedFor) => {
    const chain = chainOf(peer, forwardedFor);
    for (const condition of [notInOffice, notInAny, notInEither]) {
      expect(compileNetwork(condition, ZONES)(chain)).toBe('undecidable');
    }
  });

  test('but being inside another excluded zone is said plainly', () => {
    const wide = zoneOf({ id: 'nzoWide', gateways: ['10.0.0.1'], proxies: [] });
    const condition: NetworkCondition = { connection: 'ZONE', exclude: ['nzoOffice', 'nzoWide'] };
    expect(compileNetwork(condition, compiled(OFFICE, wide))(chainOf('10.0.0.1', 'rubbish'))).toBe('outside');
  });

  test('and what no zone asks for does no harm', () => {
    expect(compileNetwork(notInOffice, ZONES)(chainOf(ELSEWHERE, 'rubbish'))).toBe('allowed');
  });
});

describe('zones that are not there', () => {
  test('including an unknown zone lets nobody in by it', () => {
    const only: NetworkCondition = { connection: 'ZONE', include: ['nzoGone'] };
    const both: NetworkCondition = { connection: 'ZONE', include: ['nzoGone', 'nzoOffice'] };
    expect(compileNetwork(only, ZONES)(chainOf(IN_OFFICE))).toBe('outside');
    expect(compileNetwork(both, ZONES)(chainOf(IN_OFFICE))).toBe('allowed');
    expect(compileNetwork(both, ZONES)(chainOf(ELSEWHERE))).toBe('outside');
  });

  test('excluding an unknown zone lets nobody in at all', () => {
    const both: NetworkCondition = { connection: 'ZONE', exclude: ['nzoGone', 'nzoOffice'] };
    expect(compileNetwork(both, ZONES)(chainOf(ELSEWHERE))).toBe('undecidable');
    expect(compileNetwork(both, ZONES)(chainOf(IN_OFFICE))).toBe('outside');
  });

  test('with no zones at all, everybody is in none of them', () => {
    expect(compileNetwork(inAny, new Map())(chainOf(IN_OFFICE))).toBe('outside');
    expect(compileNetwork(notInAny, new Map())(chainOf(IN_OFFICE))).toBe('allowed');
  });
});

test('a zone that cannot be judged lets nobody in, and nobody past the exclusion of all zones', () => {
  const zones = compiled(zoneOf({ id: 'nzoBad', gateways: ['10.0.0.300'], proxies: [] }), OFFICE);
  expect(compileNetwork(inAny, zones)(chainOf(ELSEWHERE))).toBe('outside');
  expect(compileNetwork(inAny, zones)(chainOf(IN_OFFICE))).toBe('allowed');
  expect(compileNetwork(notInAny, zones)(chainOf(ELSEWHERE))).toBe('undecidable');
});

describe('zones in which nobody can be', () => {
  const everywhere = { gateways: ['0.0.0.0/0', '::/0'], proxies: [] };
  const changes: [string, Partial<Zone>][] = [
    ['inactive', { status: 'INACTIVE' }],
    ['a blocklist', { usage: 'BLOCKLIST' }],
    ['dynamic', { type: 'DYNAMIC' }],
    ['enhanced dynamic', { type: 'DYNAMIC_V2' }],
  ];
  test.each(changes)(
    'one that is %s is not among "any zone", lets nobody in, and keeps nobody out unseen',
    (_, change) => {
      const zones = compiled({ ...zoneOf({ id: 'nzoVoid', ...everywhere }), ...change }, OFFICE);
      const verdict = (condition: NetworkCondition) => compileNetwork(condition, zones)(chainOf(ELSEWHERE));
      expect(verdict(inAny)).toBe('outside');
      expect(verdict(notInAny)).toBe('allowed');
      expect(verdict({ connection: 'ZONE', include: ['nzoVoid'] })).toBe('outside');
      // Its addresses are known here, or its places are not: either way the administrator meant to keep some callers out.
      expect(verdict({ connection: 'ZONE', exclude: ['nzoVoid'] })).toBe('undecidable');
    },
  );
});

test('verdicts follow from the locations alone', () => {
  const location = fc.constantFrom<Location>('inside', 'outside', 'undecidable');
  const chain = chainOf(ELSEWHERE);
  fc.assert(
    fc.property(fc.array(location, { minLength: 1, maxLength: 4 }), fc.boolean(), (locations, all) => {
      const matchers = locations.map((at, i) => ({
        id: `nzo${i}`,
        holdsCallers: true,
        trouble: null,
        locate: () => at,
      }));
      const ids = all ? [ALL_IP_ZONES] : matchers.map((matcher) => matcher.id);
      const verdict = (condition: NetworkCondition) => compileNetwork(condition, mapOf(...matchers))(chain);
      const someInside = locations.includes('inside');
      expect(verdict({ connection: 'ZONE', include: ids })).toBe(someInside ? 'allowed' : 'outside');
      const allOutside = locations.every((at) => at === 'outside');
      const excluded = someInside ? 'outside' : allOutside ? 'allowed' : 'undecidable';
      expect(verdict({ connection: 'ZONE', exclude: ids })).toBe(excluded);
    }),
    { seed: 8, numRuns: 500 },
  );
});

describe("reading a condition in Okta's form", () => {
  test.each<[unknown, NetworkCondition]>([
    [{ connection: 'ANYWHERE' }, ANYWHERE],
    [{ connection: 'ANYWHERE', include: null, exclude: null }, ANYWHERE],
    [
      { connection: 'ZONE', include: ['nzoA', 'nzoB'] },
      { connection: 'ZONE', include: ['nzoA', 'nzoB'] },
    ],
    [
      { connection: 'ZONE', exclude: ['nzoA'], include: null },
      { connection: 'ZONE', exclude: ['nzoA'] },
    ],
    [{ connection: 'ZONE', include: ['ALL_IP_ZONES'] }, inAny],
    [{ connection: 'ZONE', exclude: ['ALL_IP_ZONES'] }, notInAny],
    [{ connection: 'ZONE', include: ['ALL_ZONES'] }, inAny],
    [{ connection: 'ZONE', exclude: ['ALL_ZONES'] }, notInAny],
  ])('%j is accepted', (value, condition) => {
    expect(parseNetworkCondition(value)).toStrictEqual(condition);
  });

  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'must be an object'],
    ['null', null, 'must be an object'],
    ['a word', 'ANYWHERE', 'must be an object'],
    ['a list', [], 'must be an object'],
    ['no connection', {}, 'must be "ANYWHERE" or "ZONE"'],
    ['another connection', { connection: 'ON_NETWORK' }, 'must be "ANYWHERE" or "ZONE"'],
    ['lower case', { connection: 'zone', include: ['nzoA'] }, 'must be "ANYWHERE" or "ZONE"'],
    [
      'a connection that is no text',
      { connection: ['ZONE'], include: ['nzoA'] },
      'must be "ANYWHERE" or "ZONE"',
    ],
    [
      'ANYWHERE with include',
      { connection: 'ANYWHERE', include: ['nzoA'] },
      'neither "include" nor "exclude"',
    ],
    [
      'ANYWHERE with exclude',
      { connection: 'ANYWHERE', exclude: ['nzoA'] },
      'neither "include" nor "exclude"',
    ],
    ['ANYWHERE with an empty list', { connection: 'ANYWHERE', include: [] }, 'leave an empty list out'],
    ['ZONE with neither list', { connection: 'ZONE' }, 'either "include" or "exclude"'],
    [
      'ZONE with null lists',
      { connection: 'ZONE', include: null, exclude: null },
      'either "include" or "exclude"',
    ],
    ['ZONE with both lists', { connection: 'ZONE', include: ['nzoA'], exclude: ['nzoB'] }, 'not both'],
    ['an empty include', { connection: 'ZONE', include: [] }, 'at least one zone'],
    ['an empty exclude', { connection: 'ZONE', exclude: [] }, 'at least one zone'],
    [
      'an empty list beside a full one',
      { connection: 'ZONE', include: ['nzoA'], exclude: [] },
      'at least one zone',
    ],
    ['ALL_IP_ZONES among ids', { connection: 'ZONE', include: ['ALL_IP_ZONES', 'nzoA'] }, 'stands alone'],
    ['ALL_ZONES among ids', { connection: 'ZONE', exclude: ['nzoA', 'ALL_ZONES'] }, 'stands alone'],
    ['both words for all', { connection: 'ZONE', include: ['ALL_ZONES', 'ALL_IP_ZONES'] }, 'twice'],
    ['an id twice', { connection: 'ZONE', include: ['nzoA', 'nzoB', 'nzoA'] }, 'twice'],
    ['an id that is no text', { connection: 'ZONE', include: [7] }, 'list of zone ids'],
    ['an empty id', { connection: 'ZONE', include: [''] }, 'list of zone ids'],
    ['one id without a list', { connection: 'ZONE', include: 'nzoA' }, 'list of zone ids'],
    ['an object for a list', { connection: 'ZONE', include: { 0: 'nzoA', length: 1 } }, 'list of zone ids'],
    ['a misspelt list', { connection: 'ANYWHERE', exlude: ['nzoA'] }, '"exlude" is not a field'],
    [
      'a prototype as a field',
      JSON.parse('{"connection":"ANYWHERE","__proto__":{}}'),
      '"__proto__" is not a field',
    ],
  ])('%s is refused with the rule', (_, value, says) => {
    expect(() => parseNetworkCondition(value)).toThrow(says);
    expect(() => parseNetworkCondition(value)).toThrow(/^network/);
  });
});
