/** What dynamic zones hold: kept and shown as it was written, never evaluated (docs/okta.md §3). */
import { z } from 'zod';
import type { ZoneType } from '../../domain/zone.ts';
import { type ApiError, invalid } from '../api-error.ts';
import { firstProblems } from '../validation.ts';

/** Most locations, systems or categories in one list (docs/okta.md §3, "Limits"). */
const ENTRIES_MAX = 75;
/** The words for kinds of IP services that Okta has; the list grows with theirs, so any such word is taken. */
const CATEGORY = /^[A-Z][A-Z0-9_]{0,63}$/;

const tooMany = (what: string) => `No more than ${ENTRIES_MAX} ${what} may be included in a Location Zone.`;

const locations = z
  .array(
    z.strictObject({
      country: z.string().regex(/^[A-Z]{2}$/, 'must be the two capital letters of ISO 3166-1'),
      region: z
        .string()
        .regex(/^[A-Z0-9-]{1,6}$/, 'must be the code of ISO 3166-2')
        .nullish()
        .transform((region) => region ?? null),
    }),
  )
  .max(ENTRIES_MAX, tooMany('locations'))
  .transform((list) => list.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1)));

const asns = z
  .array(z.string().regex(/^\d{1,10}$/, 'must be the number of an autonomous system'))
  .max(ENTRIES_MAX, tooMany('asns'));

const categories = z
  .array(z.string().regex(CATEGORY, 'must be the name of a category, such as ALL_ANONYMIZERS'))
  .max(ENTRIES_MAX, tooMany('ipServiceCategories'));

function placeOf({ country, region }: { readonly country: string; readonly region: string | null }): string {
  return `${country}-${region ?? ''}`;
}

/** Lists of what is in and of what is not, each empty where it is left out. */
function inAndOut<T extends z.ZodType>(list: T) {
  return z
    .strictObject({ include: list.nullish(), exclude: list.nullish() })
    .nullish()
    .transform((both) => ({ include: both?.include ?? [], exclude: both?.exclude ?? [] }));
}

const DYNAMIC = z
  .object({
    locations: locations.nullish().transform((list) => list ?? null),
    proxyType: z
      .enum(['', 'null', 'Any', 'Tor', 'NotTorAnonymizer', 'TorAnonymizer'], {
        error: 'must be Any, Tor, NotTorAnonymizer or TorAnonymizer, or left out',
      })
      .nullish(),
    asns: asns.nullish(),
  })
  .transform((zone) => ({
    locations: zone.locations,
    ...(zone.proxyType == null || zone.proxyType === '' ? {} : { proxyType: zone.proxyType }),
    ...(zone.asns == null || zone.asns.length === 0 ? {} : { asns: zone.asns }),
  }));

const DYNAMIC_V2 = z.object({
  locations: inAndOut(locations),
  asns: inAndOut(asns),
  ipServiceCategories: inAndOut(categories),
});

/** What of a body concerns a dynamic zone of this type, in the form in which it is kept. */
export function readDynamic(
  type: Exclude<ZoneType, 'IP'>,
  body: unknown,
): { readonly kind: 'dynamic'; readonly dynamic: Readonly<Record<string, unknown>> } | ApiError {
  const read = (type === 'DYNAMIC' ? DYNAMIC : DYNAMIC_V2).safeParse(body);
  if (!read.success) return firstProblems(read.error);
  return { kind: 'dynamic', dynamic: read.data };
}

const LISTS = ['gateways', 'proxies'] as const;

/** Refuses lists of addresses in a zone that has none. */
export function refuseAddresses(body: Readonly<Record<string, unknown>>, type: ZoneType): ApiError | null {
  const field = LISTS.find((name) => body[name] != null);
  return field === undefined ? null : invalid(field, `${field}: A zone of type ${type} has no ${field}.`);
}
