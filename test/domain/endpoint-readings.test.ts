import { expect, test } from 'vitest';
import { type Endpoint, slotsOf } from '../../src/domain/endpoint.ts';
import { compileEndpoints } from '../../src/domain/endpoint-match.ts';
import { tightestReading } from '../../src/domain/endpoint-readings.ts';

const tight = {
  name: 'tight',
  match: ['* /tight', '* /a/{id}/tight', '* /a+b,c=d'],
  max: 1,
  windowSeconds: 60,
};
const named = { name: 'named', match: ['* /named/{id}'], max: 600, windowSeconds: 60 };
const slow = { name: 'slow', match: ['* /named'], max: 500, windowSeconds: 3600 };
const fast = { name: 'fast', match: ['* /fast'], max: null, windowSeconds: 60 };
const rest = { name: 'rest', match: [], max: 1_000, windowSeconds: 60 };
const find = tightestReading(compileEndpoints([tight, named, slow, fast], rest));

test.each([
  ['/tight%3Bx', 'tight'],
  ['/tight%3Bx=y', 'tight'],
  ['/tight%3B/', 'tight'],
  ['/tight%3Fx', 'tight'],
  ['/tight%23x/y/z', 'tight'],
  ['/tight%3Fx%3By', 'tight'],
  ['/tight%20', 'tight'],
  ['/tight%C2%A0', 'tight'],
  ['/tight%20%C2%A0%20', 'tight'],
  ['/tight%20%3Bx', 'tight'],
  ['/a%3Bx/1%20/tight%23', 'tight'],
  ['/a/C%23/tight', 'tight'],
  ['/named/%23', 'slow'],
  ['/a%2Bb%2Cc%3Dd', 'tight'],
])('%s belongs to the endpoint that some server reads it as', (path, endpoint) => {
  expect(find('GET', path).name).toBe(endpoint);
});

test.each([
  ['/named/C%23', 'named'],
  ['/named/a%20b', 'named'],
  ['/named/a%3Bb', 'named'],
  ['/fast%3Bx', 'rest'],
  ['/tighter%3Bx', 'rest'],
  ['/tight/%3Bx', 'tight'],
  ['/fast', 'fast'],
])('%s is not led elsewhere by the reading that is looser, or the same', (path, endpoint) => {
  expect(find('GET', path).name).toBe(endpoint);
});

test('of two endpoints the tighter is the one with fewer requests a second, not with the smaller number', () => {
  expect(find('GET', '/named%3F/x').name).toBe('slow');
});

/** Two endpoints of which the one can be taken for the other: `/one%3Bx` and `/one`. */
function readings(one: Partial<Endpoint>, below: Partial<Endpoint>) {
  const limits = { max: null, windowSeconds: 60 };
  const found = tightestReading(
    compileEndpoints([{ ...limits, ...one, name: 'one', match: ['* /one'] }], {
      ...limits,
      ...below,
      name: 'below',
      match: [],
    }),
  )('GET', '/one%3Bx');
  const crowded = slotsOf(found);
  return { rate: found.name, slots: crowded === null ? null : [crowded.name, crowded.concurrent] };
}

test.each([
  ['neither has a maximum', {}, {}, 'below', null],
  ['one has', { concurrent: 5 }, {}, 'below', ['one', 5]],
  ['the other has', {}, { concurrent: 5 }, 'below', ['below', 5]],
  ['one has the smaller', { concurrent: 5 }, { concurrent: 6 }, 'below', ['one', 5]],
  ['the other has the smaller', { concurrent: 6 }, { concurrent: 5 }, 'below', ['below', 5]],
  ['both have the same', { concurrent: 5 }, { concurrent: 5 }, 'below', ['below', 5]],
  [
    'both have the same and one the tighter rate',
    { concurrent: 5, max: 9 },
    { concurrent: 5 },
    'one',
    ['one', 5],
  ],
  ['one has the smaller and the other the tighter rate', { concurrent: 5 }, { max: 9 }, 'below', ['one', 5]],
  ['the other has the smaller and one the tighter rate', { max: 9 }, { concurrent: 5 }, 'one', ['below', 5]],
])(
  'a path that can be read in two ways counts at the smaller maximum of requests under way where %s',
  (_, one, below, rate, slots) => {
    expect(readings(one, below)).toEqual({ rate, slots });
  },
);
