import { z } from 'zod';
import { MANAGEMENT, UNMATCHED } from '../../domain/endpoint.ts';
import { parseMatch } from '../../domain/endpoint-match.ts';
import { choice, integer, mustBe, oneOrMore, orNull, section, textFor, word } from '../setting.ts';
import { inSeconds, window } from './window-setting.ts';

const MAX = 'a whole number from 1 to 1000000000, or unlimited';
const max = z.union([integer(1, 1_000_000_000, MAX), z.literal('unlimited').transform(() => null)], {
  error: mustBe(MAX),
});
const concurrent = orNull(integer(1, 10_000))
  .prefault(null)
  .describe('Requests under way at once from everybody together; null for any number.');

export const limit = section({
  defaultPercentage: integer(0, 100)
    .prefault(50)
    .describe("A token's share of each endpoint's maximum, in percent, unless the token has its own."),
  onStoreAway: choice('local', 'deny', 'allow')
    .prefault('local')
    .describe(
      'What holds while the store is away: local (each gateway counts for itself, up to its part), deny or allow.',
    ),
  gateways: integer(1, 10_000)
    .prefault(1)
    .describe('How many gateways share the store; while it is away, each admits that part of every maximum.'),
  unmatched: section({
    max: max.prefault(1200).describe('Requests a window from everybody together, or unlimited.'),
    window: window.prefault('60s').describe('Length of the window, in whole seconds.'),
    concurrent,
  })
    .transform(inSeconds)
    .prefault({})
    .describe('The limit of all requests that no endpoint matches, together.'),
});

export const endpoint = section({
  name: word(
    '1 to 200 letters, digits and any of / . : , + ~ * { } _ - that begin with a letter, a digit or /',
    /^[A-Za-z0-9/][A-Za-z0-9/.:,+~*{}_-]{0,199}$/,
  )
    .refine((name) => name !== UNMATCHED, { error: 'must not be unmatched: limit.unmatched has that name' })
    .refine((name) => name !== MANAGEMENT, { error: 'must not be management: control.limit has that name' })
    .describe('Unique; the name in metrics, headers and the store.'),
  match: oneOrMore(
    'a rule such as "GET /api/v1/users/{id}", or a list of rules',
    textFor('a rule such as "GET /api/v1/users/{id}"', parseMatch),
  ).describe(
    'One rule or a list of them: methods or *, a space, and a path in which {name} is one segment and a last /** is everything below.',
  ),
  max: max.describe('Requests a window from everybody together, or unlimited.'),
  window: window
    .prefault('60s')
    .describe('Length of the window, in whole seconds; it opens at the first request.'),
  concurrent,
});

export const endpoints = z.array(endpoint.transform(inSeconds), { error: mustBe('a list of endpoints') });
