import { expect, test } from 'vitest';
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
