import { z } from 'zod';
import { type ApiError, invalid } from './api-error.ts';

/** At most this many causes are named: a body can be wrong in as many places as it is long. */
const CAUSES_MAX = 10;

/** Turns what a schema found into Okta's refusal: the field at the top first, then each place with its reason. */
export function firstProblems(error: z.ZodError): ApiError {
  const issues = error.issues.slice(0, CAUSES_MAX);
  const subject = String(issues[0]?.path[0] ?? 'request');
  return invalid(subject, ...issues.map(({ path, message }) => `${path.join('.') || 'request'}: ${message}`));
}

/** A text of 1 to `max` characters without control characters. @param what its name in messages, such as "a name" */
export function shortText(max: number) {
  const message = `must be 1 to ${max} characters, none of them a control character`;
  return z
    .string({ error: message })
    .refine((text) => text.trim() !== '' && text.length <= max && !/\p{Cc}/u.test(text), { error: message });
}

/** A number of items in a query, from 1 to `max`; more counts as `max`, as with Okta. */
export function pageLimit(max: number) {
  return z
    .string({ error: 'must be one whole number of at least 1' })
    .regex(/^[1-9]\d{0,8}$/, 'must be a whole number of at least 1')
    .transform((digits) => Math.min(Number(digits), max))
    .optional()
    .meta({ description: `How many items a page holds at the most, up to ${max}.` });
}

/** `true` or `false` in a query. */
export function queryFlag(preset: boolean) {
  return z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .optional()
    .transform((word) => (word === undefined ? preset : word === 'true'));
}

/** A share in percent. */
export function percentage() {
  return z
    .int({ error: 'must be a whole number from 0 to 100' })
    .min(0, 'must be a whole number from 0 to 100')
    .max(100, 'must be a whole number from 0 to 100');
}
