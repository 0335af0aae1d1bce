/**
 * What callers and upstreams send at its worst, far beyond every bound of `listen`: work that grows faster than its
 * input would not come to an end here, and the test with it.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readChain } from '../../src/domain/address-chain.ts';
import { compileAddressSet } from '../../src/domain/address-set.ts';
import { compileBlocklist } from '../../src/domain/blocklist.ts';
import { compileEndpoints } from '../../src/domain/endpoint-match.ts';
import { tightestReading } from '../../src/domain/endpoint-readings.ts';
import { isHintedLink } from '../../src/gateway/forward/early-hints.ts';
import { headRules, judgeHead } from '../../src/gateway/listen/head.ts';
import { normalTarget } from '../../src/gateway/listen/target.ts';
import { aZone } from '../support/records.ts';

/** So often stands each piece: its square is more steps than there is time for. */
const MANY = 200_000;
const ENDPOINTS = new URL('../../config/okta-endpoints.yaml', import.meta.url);

const rest = { name: 'rest', match: [], max: 1, windowSeconds: 60 };
const { endpoints } = parse(readFileSync(ENDPOINTS, 'utf8')) as { endpoints: { match: string | string[] }[] };
const okta = endpoints.map(({ match }, at) => ({ ...rest, name: `e${at}`, match: [match].flat() }));
/** Each segment can be read as each rule has it, and the last one fits none: all of them are tried. */
const tangled = Array.from({ length: 12 }, (_, at) => ({
  ...rest,
  name: `t${at}`,
  match: [
    `GET /${Array.from({ length: 12 }, (_, segment) => (segment === at ? 'a' : `{x${segment}}`)).join('/')}/end`,
  ],
}));
const endpointOf = tightestReading(compileEndpoints([...okta, ...tangled], rest));

describe('the path of a request, however long, is read in steps that grow as it does', () => {
  it.each([
    ['spaces that end no segment', `/${'%20'.repeat(MANY)}x`],
    ['two kinds of spaces that end no segment', `/${'%20%C2%A0'.repeat(MANY)}x`],
    ['spaces in many segments', '/a%20%20%20x'.repeat(MANY)],
    ['parameters', `/a${'%3Bx'.repeat(MANY)}`],
    ['parameters in many segments', '/a%3Bx=y'.repeat(MANY)],
    ['queries within the path', `/a${'%3F'.repeat(MANY)}`],
    ['fragments behind spaces', `/${'%20'.repeat(MANY)}%23${'%20'.repeat(MANY)}x`],
    ['commas', `/a${'%2C'.repeat(MANY)}`],
    ['segments that every rule may have', `${'/a'.repeat(12)}/other`],
    ['segments that every rule may have, and more of them', '/a'.repeat(MANY)],
    ['letters', `/${'aA'.repeat(MANY)}`],
    ['escapes that are letters', `/${'%41'.repeat(MANY)}`],
    ['characters of three bytes', `/${'%E2%82%AC'.repeat(MANY)}`],
    ['empty segments', `/a${'/'.repeat(MANY)}`],
    ['dots', `/a${'/..'.repeat(MANY)}`],
    ['almost dots', `/${'/...'.repeat(MANY)}`],
    ['escapes of escapes at the end', `/${'%41'.repeat(MANY)}%252e`],
    ['a query', `/?${'a=b&%20'.repeat(MANY)}\u0001`],
  ])('%s', (_what, url) => {
    const target = normalTarget(url);
    if (target !== null) expect(endpointOf('GET', target.path)).toHaveProperty('name');
    expect(endpointOf('GET', url)).toHaveProperty('name');
  });
});

describe('the addresses that a request came by, however many, are read in steps that grow as they do', () => {
  const blocklist = compileBlocklist([aZone(['198.51.100.0/24'], { usage: 'BLOCKLIST' })]);
  const trusted = compileAddressSet(['0.0.0.0/0', '::/0']);
  it.each([
    ['addresses', '192.0.2.1,'.repeat(MANY)],
    ['commas', ','.repeat(MANY)],
    ['spaces', ' '.repeat(MANY)],
    ['spaces between commas', ' \t ,'.repeat(MANY)],
    ['one that does not end', '1'.repeat(MANY)],
    ['colons', '::'.repeat(MANY)],
  ])('%s', (_what, forwardedFor) => {
    for (const proxies of [trusted, compileAddressSet([])]) {
      const chain = readChain('127.0.0.1', forwardedFor, proxies);
      expect(blocklist?.judge(chain)).not.toBeInstanceOf(Error);
      expect(chain.hop(MANY * 2)).toBeNull();
    }
  });
});

describe('the headers of a request, however many, are read in steps that grow as they do', () => {
  const rules = headRules({
    schemes: ['SSWS'],
    credentialHeader: null,
    passCredential: false,
    maxHeaders: Number.POSITIVE_INFINITY,
    maxTargetLength: 8_192,
  });
  const FEWER = MANY / 2;
  const names = Array.from({ length: FEWER }, (_, at) => `x-${at}`);
  const others = names.flatMap((name) => [`${name}-other`, 'value']);
  it.each([
    ['one Connection that names many, and many others', ['Connection', names.join(','), ...others]],
    ['many of Connection that name one each', [...names.flatMap((name) => ['Connection', name]), ...others]],
    ['many of X-Forwarded-For', names.flatMap(() => ['X-Forwarded-For', '192.0.2.1'])],
    ['a Connection of commas', ['Connection', ','.repeat(MANY)]],
    ['a Connection of spaces', ['Connection', `${' '.repeat(MANY)}x${' '.repeat(MANY)}`]],
    ['an Authorization of spaces', ['Authorization', `SSWS${' '.repeat(MANY)}x`]],
    ['a Host that does not end', ['Host', `${'a.'.repeat(MANY)}_`]],
    ['an upgrade with many protocols', ['Connection', 'upgrade', 'Upgrade', `${'websocket, '.repeat(MANY)}`]],
    ['a length that does not end', ['Content-Length', '1'.repeat(MANY)]],
    ['many codings', ['Transfer-Encoding', 'chunked, '.repeat(MANY)]],
  ])('%s', (_what, headers) => {
    const rawHeaders = headers[0] === 'Host' ? headers : ['Host', 'a', ...headers];
    const head = judgeHead({ method: 'GET', url: '/', httpVersion: '1.1', rawHeaders }, '127.0.0.1', rules);
    expect(typeof head === 'string' || head.arrival.path === '/').toBe(true);
  });
});

describe('a link that an upstream hints at, however long, is judged in steps that grow as it does', () => {
  it.each([
    ['parameters and a quote that does not end', `<a>${';a=b'.repeat(MANY)} "`, false],
    ['equals signs', `<a>;${'='.repeat(MANY)}"`, false],
    ['spaces', `<a>${' '.repeat(MANY)}`, false],
    ['semicolons', `<a>${';'.repeat(MANY)}`, false],
    ['quotes', `<a>${';a="'.repeat(MANY)}`, false],
    ['good parameters', `</a.css>${'; rel="preload"; as=style; nopush'.repeat(100)}`, true],
  ])('%s', (_what, link, good) => {
    expect(isHintedLink(link)).toBe(good);
  });
});
