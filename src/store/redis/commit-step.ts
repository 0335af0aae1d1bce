import type { Token } from '../../domain/token.ts';
import { type Kind, recordOf, type Write } from '../commit-plan.ts';
import { jsonText, loginKey, tokenText, userText, zonesOf, zoneText } from '../records.ts';

/** What the script does for one mutation. */
interface Step {
  readonly kind: Kind;
  readonly id: string;
  readonly remove?: true;
  /** The record as it is stored. */
  readonly record?: string;
  readonly loginKey?: string;
  readonly name?: string;
  readonly hash?: string;
  readonly previousHash?: string | undefined;
  readonly userId?: string;
  readonly agentId?: string | undefined;
  readonly zones?: readonly string[];
  readonly shareId?: string;
  readonly published?: number;
  readonly createdAt?: number;
  /** How long the token may stay unused, in milliseconds; left out for a revoked one, which no longer expires. */
  readonly windowMs?: number | undefined;
  /** The last use with which a token that is new here begins, in milliseconds since the epoch. */
  readonly usedAt?: number | undefined;
}

/** Some mutations as the steps of a script, in JSON. */
export function stepsText(mutations: readonly Write[]): string {
  return jsonText(mutations.map(stepOf));
}

function stepOf(mutation: Write): Step {
  const { kind, id } = recordOf(mutation);
  if ('remove' in mutation) return { kind, id, remove: true };
  if ('append' in mutation) {
    const { event } = mutation;
    return { kind, id, record: jsonText(event), published: event.published };
  }
  switch (mutation.put) {
    case 'user':
      return { kind, id, record: userText(mutation.user), loginKey: loginKey(mutation.user.login) };
    case 'zone':
      return { kind, id, record: zoneText(mutation.zone), name: mutation.zone.name };
    case 'agent':
      return { kind, id, record: jsonText(mutation.agent) };
    case 'share':
      return { kind, id, record: jsonText(mutation.share), shareId: mutation.share.id };
    case 'setting':
      return { kind, id, record: jsonText(mutation.value) };
    case 'token':
      return tokenStep(mutation.token);
  }
}

function tokenStep(token: Token): Step {
  return {
    kind: 'token',
    id: token.id,
    record: tokenText(token),
    hash: token.hash,
    previousHash: token.previous?.hash,
    userId: token.userId,
    agentId: token.agentId ?? undefined,
    zones: zonesOf(token),
    createdAt: token.createdAt,
    windowMs: token.revokedAt === null ? token.windowSeconds * 1000 : undefined,
    usedAt: token.lastUsedAt ?? undefined,
  };
}
