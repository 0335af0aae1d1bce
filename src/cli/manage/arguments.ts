import { InvalidArgumentError } from 'commander';
import { ROLE_LABELS } from '../../control/users/wire.ts';

/** A whole number from 0 to 100, with or without a sign for percent. */
export function percentageIn(text: string): number {
  const number = /^(\d{1,3})\s?%?$/.exec(text)?.[1];
  if (number !== undefined && Number(number) <= 100) return Number(number);
  throw new InvalidArgumentError('It must be a whole number from 0 to 100.');
}

/** An address entry of a zone: a network, a range or a single address, told apart by how it is written. */
export function addressIn(text: string): { readonly type: 'CIDR' | 'RANGE'; readonly value: string } {
  return { type: text.includes('/') ? 'CIDR' : 'RANGE', value: text };
}

/** Gathers the roles of an option that may be given several times; in any case. */
export function rolesIn(text: string, before: readonly string[] = []): readonly string[] {
  const role = text.toUpperCase();
  if (Object.hasOwn(ROLE_LABELS, role)) return [...before, role];
  throw new InvalidArgumentError(`It must be one of ${Object.keys(ROLE_LABELS).join(', ')}.`);
}
