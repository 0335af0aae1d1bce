import { isDeepStrictEqual } from 'node:util';
import type { Management, TokenSource } from '../../domain/store.ts';
import type { Credential } from '../../domain/token.ts';
import type { Before } from './draft.ts';

/**
 * Reads again the records that are about to be overwritten: a token that was revoked since it was first read must not
 * be written back to life.
 * @returns whether all of them are as they were
 */
export async function unchangedSince(
  before: readonly Before[],
  store: Management & TokenSource,
): Promise<boolean> {
  const users = before.flatMap((each) => (each.kind === 'user' ? [each.record] : []));
  const zones = before.flatMap((each) => (each.kind === 'zone' ? [each.record] : []));
  const agents = before.flatMap((each) => (each.kind === 'agent' ? [each.record] : []));
  const tokens = before.flatMap((each) => (each.kind === 'token' ? [each.record] : []));
  const ids = tokens.map(({ token }) => token.id);
  return (
    isDeepStrictEqual(users, await store.usersByLogin(users.map(({ login }) => login))) &&
    isDeepStrictEqual(tokens.map(written), (await store.tokensById(ids)).map(written)) &&
    areAmong(zones, await store.zones()) &&
    areAmong(agents, await store.agents())
  );
}

/** What management writes: last use moves while the token is used. */
function written(credential: Credential | null): unknown {
  return credential && { token: { ...credential.token, lastUsedAt: null }, share: credential.share };
}

function areAmong<T extends { readonly id: string }>(records: readonly T[], now: readonly T[]): boolean {
  const byId = new Map(now.map((record) => [record.id, record]));
  return records.every((record) => isDeepStrictEqual(record, byId.get(record.id)));
}
