import type { NetworkCondition } from '../../domain/network-condition.ts';
import { DEFAULT_CLIENT_NAME, type Token } from '../../domain/token.ts';
import type { Field } from './fields.ts';

/** A token with what a file says of it. */
export interface TokenState {
  readonly token: Token;
  /** The owner's login. */
  readonly owner: string;
  readonly percentage: number | null;
  readonly byEndpoint: Readonly<Record<string, number>>;
}

/** The fields that are kept in the token's share, and not in the token. */
export const SHARE_FIELDS: ReadonlySet<string> = new Set(['percentage', 'endpoints']);

/** @param zones, agents names by id */
export function tokenFields(
  zones: ReadonlyMap<string, string>,
  agents: ReadonlyMap<string, string>,
): readonly Field<TokenState>[] {
  return [
    { name: 'name', of: ({ token }) => token.name, labelled: true },
    { name: 'owner', of: ({ token }) => token.userId, shown: ({ owner }) => owner },
    { name: 'secret', of: ({ token }) => token.hash, secret: true },
    {
      name: 'network',
      of: ({ token }) => token.network,
      shown: ({ token }) => withNames(token.network, zones),
    },
    { name: 'percentage', of: ({ percentage }) => percentage },
    { name: 'endpoints', of: ({ byEndpoint }) => byEndpoint },
    {
      name: 'window',
      of: ({ token }) => token.windowSeconds,
      shown: ({ token }) => durationText(token.windowSeconds),
    },
    {
      name: 'agent',
      of: ({ token }) => token.agentId,
      shown: ({ token: { agentId } }) => (agentId === null ? null : (agents.get(agentId) ?? agentId)),
    },
    {
      name: 'client',
      of: ({ token }) => (token.clientName === DEFAULT_CLIENT_NAME ? null : token.clientName),
    },
  ];
}

function withNames(network: NetworkCondition, zones: ReadonlyMap<string, string>): unknown {
  if (network.connection === 'ANYWHERE') return network.connection;
  const named = (ids: readonly string[]) => ids.map((id) => zones.get(id) ?? id);
  return 'include' in network ? { include: named(network.include) } : { exclude: named(network.exclude) };
}

/** As it is written in a file. */
function durationText(seconds: number): string {
  if (seconds % 86_400 === 0) return `${seconds / 86_400}d`;
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}
