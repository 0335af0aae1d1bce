import type { Token } from '../../domain/token.ts';
import type { Context } from './context.ts';
import { textOf } from './fields.ts';
import type { WithdrawnZone } from './zones.ts';

const TOKENS_AT_ONCE = 1_000;
/** Tokens that a problem names; more are counted. */
const TOKENS_NAMED_MAX = 5;

/**
 * A zone that tokens use must stay one that they may use (docs/okta.md §2): looks through the tokens of the store for
 * those that would still name a zone that is taken from them.
 */
export async function findCutOff(withdrawn: readonly WithdrawnZone[], context: Context): Promise<void> {
  if (withdrawn.length === 0) return;
  const { store, draft } = context;
  const users = new Map(withdrawn.map(({ zone }) => [zone.id, [] as Token[]]));
  const changed = new Map(
    draft.mutations.flatMap((mutation) =>
      'put' in mutation && mutation.put === 'token' ? [[mutation.token.id, mutation.token] as const] : [],
    ),
  );
  const named = new Set<string>();
  let after: string | null = null;
  do {
    const page = await store.tokens(after, TOKENS_AT_ONCE);
    for (const { token: stored } of page.items) {
      if (stored.revokedAt === null) for (const zoneId of zonesOf(stored)) named.add(zoneId);
      const token = changed.get(stored.id) ?? stored;
      if (token.revokedAt !== null) continue;
      for (const zoneId of zonesOf(token)) users.get(zoneId)?.push(token);
    }
    after = page.next;
  } while (after !== null);
  for (const { raw, zone } of withdrawn) {
    const tokens = users.get(zone.id) ?? [];
    // Nor may a token be bound to it until it is written. One that this file unbinds is among the preconditions itself.
    if (!named.has(zone.id)) draft.mutations.push({ expect: 'zone-unused', id: zone.id });
    if (tokens.length === 0) continue;
    const path = [zone.usage === 'BLOCKLIST' ? 'usage' : 'status'];
    const message = `tokens name the zone in their networks, and would lose it: ${namesOf(tokens)}`;
    draft.problem(raw.locate({ path, message }));
  }
}

function zonesOf({ network }: Token): readonly string[] {
  if ('include' in network) return network.include;
  return 'exclude' in network ? network.exclude : [];
}

function namesOf(tokens: readonly Token[]): string {
  const named = tokens.slice(0, TOKENS_NAMED_MAX).map(({ name, id }) => `${textOf(name)} ${id}`);
  const more = tokens.length - named.length;
  return more === 0 ? named.join(', ') : `${named.join(', ')} and ${more} more`;
}
